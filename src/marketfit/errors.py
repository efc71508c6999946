"""The errors of marketfit, and what each one means for the exit status.

    MarketfitError                 3  anything that is our fault
    ├── InputError                 2  what the user gave is wrong; carries every problem found
    │   ├── BriefError             2  the brief
    │   ├── DataError              2  a data, survey or feedback file
    │   ├── BundleError            2  a bundle that is incomplete, foreign or tampered with
    │   └── MissingExtraError      2  a package of an extra is not installed
    ├── ContractError              1  a contract that is not met
    ├── RunError                   3  a step could not finish (no trial succeeded, the ledger disagrees)
    └── ToldError                     another error, with its status, that standard output tells already

Errors are instructions: a `Problem` says where, what was found, what is allowed or nearest, and what to do.
All problems of one input are raised together.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, TypedDict


@dataclass(frozen=True)
class Problem:
    """One mistake in an input, written as an instruction.

    >>> print(Problem("brief.yaml:4", "unknown key 'taks'", "did you mean 'task'?", "rename the key"))
    brief.yaml:4: unknown key 'taks'; did you mean 'task'? → rename the key
    """

    where: str
    found: str
    allowed: str
    do: str

    def __str__(self) -> str:
        allowed = f"; {self.allowed}" if self.allowed else ""
        return f"{self.where}: {self.found}{allowed} → {self.do}"


class ProblemDocument(TypedDict):
    """A problem as JSON."""

    where: str
    found: str
    allowed: str
    do: str


class ErrorDocument(TypedDict):
    """An error as JSON."""

    status: Literal["error"]
    message: str
    problems: list[ProblemDocument]


class MarketfitError(Exception):
    """Base of all errors that marketfit raises on purpose."""

    exit_status: ClassVar[int] = 3

    def document(self) -> ErrorDocument:
        """What `--json` prints."""
        return ErrorDocument(status="error", message=str(self), problems=[])


class InputError(MarketfitError):
    """What the user gave is wrong. `problems` holds everything that was found, not only the first."""

    exit_status = 2

    def __init__(self, problems: Sequence[Problem]) -> None:
        if not problems:
            raise ValueError("an InputError needs at least one problem")
        self.problems = tuple(problems)
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        super().__init__(f"{count}\n" + "\n".join(f"  {problem}" for problem in self.problems))

    def document(self) -> ErrorDocument:
        """What `--json` prints, with every problem."""
        problems = [ProblemDocument(where=p.where, found=p.found, allowed=p.allowed, do=p.do) for p in self.problems]
        return ErrorDocument(status="error", message=str(self), problems=problems)

    def __reduce__(self) -> tuple[Callable[[type[InputError], tuple[Problem, ...]], InputError], tuple[object, ...]]:
        """Pickled whole: a job in another process may raise it."""
        return _again, (type(self), self.problems)


def _again(kind: type[InputError], problems: tuple[Problem, ...]) -> InputError:
    error = kind.__new__(kind)
    InputError.__init__(error, problems)
    return error


class BriefError(InputError):
    """The brief has mistakes."""


class DataError(InputError):
    """A data, survey or feedback file has mistakes."""


class BundleError(InputError):
    """A bundle is incomplete, of a foreign format, or its bytes are not those of its manifest."""


class MissingExtraError(InputError):
    """A package of an extra is not installed."""

    def __init__(self, extra: str, package: str) -> None:
        super().__init__(
            [
                Problem(
                    where="this Python environment",
                    found=f"the package '{package}' is not installed",
                    allowed=f"it belongs to the extra '{extra}'",
                    do=f"pip install 'marketfit[{extra}]'",
                )
            ]
        )


class ContractError(MarketfitError):
    """A contract is not met."""

    exit_status = 1


class RunError(MarketfitError):
    """A step could not finish: no trial succeeded, or the ledger disagrees with the files."""


class ToldError(MarketfitError):
    """Standard output tells `error` already, so nothing may follow there."""

    def __init__(self, error: MarketfitError) -> None:
        self.error = error
        super().__init__(str(error))


def as_marketfit(error: Exception) -> MarketfitError:
    """The error itself, or what to say of one that nobody raised on purpose."""
    return (
        error if isinstance(error, MarketfitError) else MarketfitError(f"internal error: {error!r}; please report it")
    )


def nearest(word: str, known: Iterable[str]) -> str:
    """Say which known word is meant, or list them all.

    >>> nearest("acuracy", ["accuracy", "size_mb"])
    "did you mean 'accuracy'?"
    >>> nearest("zzz", ["b", "a"])
    'allowed: a, b'
    """
    names = sorted(known)
    close = difflib.get_close_matches(word, names, n=1, cutoff=0.6)
    if close:
        return f"did you mean '{close[0]}'?"
    return "allowed: " + (", ".join(names) if names else "nothing")
