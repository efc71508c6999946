"""What became of a contract: one line of JSON each, so that a benchmark that was stopped goes on where it was."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import BaseModel

from marketfit.contract import METRICS


class Claim(BaseModel, frozen=True):
    """A clause that was claimed to be `met`, and its metric in new processes of another script.

    `again`: of the first one, which decides; the others run only where it misses the bound of what processes give.
    `beyond`: no chance is left: all new processes miss it, or the exact interval of the rate does.
    """

    metric: str
    op: Literal[">=", "<="]
    limit: float
    value: float
    worst: float  # the end of the interval that proved it
    again: tuple[float, ...]
    beyond: bool

    @property
    def kept(self) -> bool:
        """Whether the first new process meets the bound."""
        return self.allows(self.again[0])

    def allows(self, value: float) -> bool:
        """Whether a value lies on the right side."""
        return value >= self.limit if self.op == ">=" else value <= self.limit

    @property
    def room(self) -> float:
        """How far the first new process is on the right side, relative to the limit; of accuracy in points."""
        gap = self.again[0] - self.limit if METRICS[self.metric].better == "higher" else self.limit - self.again[0]
        return 100 * gap if self.metric == "accuracy" else gap / self.limit

    def __str__(self) -> str:
        seen = ", ".join(f"{value:.4g}" for value in self.again)
        claimed = f"claimed {self.value:.4g} (at worst {self.worst:.4g})"
        return f"{self.metric} {self.op} {self.limit:g}: {claimed}, again {seen}"


class Tried(BaseModel, frozen=True):
    """One contract and its fate. `named`: the refusal names one of its bounds, and one that is not met."""

    number: int
    contract: tuple[str, ...]
    status: Literal["shipped", "refused"]
    winner: str | None
    binding: str
    named: bool
    reason: str
    beaten_by: tuple[str, ...]  # variants of the known set that are better by a tenth in every bound
    claims: tuple[Claim, ...]
    seconds: float


def read_lines(file: Path) -> Mapping[int, Tried]:
    """The contracts that are done; a last line that a kill has torn is cut off."""
    if not file.is_file():
        return {}
    content = file.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    if whole != content:
        file.write_bytes(whole)
    done = [Tried.model_validate_json(line) for line in whole.splitlines()]
    return {one.number: one for one in done}


def add_line(file: Path, tried: Tried) -> None:
    """One more is done."""
    with file.open("a", encoding="utf-8") as stream:
        stream.write(tried.model_dump_json() + "\n")
