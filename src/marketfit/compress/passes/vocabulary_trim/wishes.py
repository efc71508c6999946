"""The options of the pass, read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import JsonValue

from marketfit.compress.passes import Options, refuse_unknown
from marketfit.compress.passes.vocabulary_trim.scripts import SCRIPTS
from marketfit.errors import BriefError, Problem, nearest

NAME = "vocabulary-trim"
SHARE = 0.5
"""Default share of the tokens in the wanted scripts that stay without being seen.

Measured on a probe of MiniLM on CLINC150 (in scope, 30,522 tokens at first; accuracy on valid, n = 3,000, and test,
n = 4,500; texts of test with identical tokens):

    share   tokens   valid    test     identical
    –       30,522   95.83 %  95.36 %  100 %
    1       29,513   95.83 %  95.36 %  100 %
    0.75    23,879   95.77 %  95.38 %  98.1 %
    0.5     18,246   95.63 %  95.31 %  96.0 %
    0.25    12,613   95.40 %  95.20 %  92.9 %
    0.1      9,232   95.53 %  95.07 %  89.1 %
    0        6,979   95.10 %  94.98 %  84.8 %
"""

_OPTIONS = ("keep", "languages", "share", "size")


@dataclass(frozen=True)
class Wishes:
    """`keep`: words or texts whose tokens stay. `languages`: codes; none stands for the scripts of the training texts.

    Of the tokens in those scripts that need not stay, the `share` most frequent ones stay, or as many as make `size`
    tokens in all (more where more must stay).
    """

    keep: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    share: float = SHARE
    size: int | None = None


def wishes_of(options: Options) -> Wishes:
    """Read the options.

    Raises:
        BriefError: all that are unknown or have no possible value.
    """
    refuse_unknown(NAME, options, _OPTIONS)
    problems = list(_problems(options))
    if problems:
        raise BriefError(problems)
    share, size = options.get("share"), options.get("size")
    whole = 1.0 if isinstance(size, int) else SHARE
    return Wishes(
        keep=_strings(options.get("keep", [])),
        languages=_strings(options.get("languages", [])),
        share=float(share) if isinstance(share, int | float) else whole,
        size=size if isinstance(size, int) else None,
    )


def _problems(options: Options) -> Iterator[Problem]:
    for name in ("keep", "languages"):
        value = options.get(name, [])
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            yield _problem(name, f"{value!r}", "a list of strings", "give a list")
    for code in _strings(options.get("languages", [])):
        if code not in SCRIPTS:
            yield _problem("languages", f"unknown language '{code}'", nearest(code, SCRIPTS), "name another, or none")
    share, size = options.get("share", SHARE), options.get("size", 1)
    if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share <= 1:
        yield _problem("share", f"{share!r}", "a number from 0 to 1", "change it")
    if isinstance(size, bool) or not isinstance(size, int) or size < 1:
        yield _problem("size", f"{size!r}", "a number of tokens", "change it")
    if "share" in options and "size" in options:
        yield _problem("share, size", "both", "one of them", "drop one")


def _problem(name: str, found: str, allowed: str, do: str) -> Problem:
    return Problem(f"pass {NAME}: {name}", found, allowed, do)


def _strings(value: JsonValue) -> tuple[str, ...]:
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()
