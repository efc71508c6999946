"""Quality of respondents: what speaks against each, and who is dropped. Nobody is dropped for a single reason."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from marketfit.demand.arrays import BoolArray, FloatArray, Rng, frozen, label
from marketfit.demand.choices.data import ChoiceData
from marketfit.demand.respondents.consistency import Consistency, consistency
from marketfit.demand.respondents.patterns import cheapest_only, duplicates, speeders, starts_of, straight_lining
from marketfit.errors import DataError, Problem

Criterion: TypeAlias = Literal["odd tasks", "even tasks", "straight-lining", "speed", "duplicate"]

ENOUGH = 2
"""Criteria that must speak against a person before their answers are left out."""


@dataclass(frozen=True)
class Verdict:
    """What speaks against one respondent. `remarks` are told and count for nothing; dropped: two criteria or more."""

    respondent: str
    tasks: int
    criteria: tuple[Criterion, ...]
    reasons: tuple[str, ...]
    remarks: tuple[str, ...] = ()

    @property
    def dropped(self) -> bool:
        """Whether their answers are left out."""
        return len(self.criteria) >= ENOUGH


@dataclass(frozen=True, eq=False)
class RespondentQuality:
    """A verdict on every respondent with something to tell, and who is kept.

    kept: (respondents,) in the order of `respondent_labels`.
    """

    verdicts: tuple[Verdict, ...]
    kept: BoolArray
    respondents: int

    @property
    def dropped(self) -> tuple[Verdict, ...]:
        """Those whose answers are left out."""
        return tuple(verdict for verdict in self.verdicts if verdict.dropped)

    def clean(self, data: ChoiceData) -> ChoiceData:
        """The choice data without the answers of those who are dropped."""
        assert data.respondent is not None, "people are known"
        return data.take(self.kept[np.unique(data.respondent, return_inverse=True)[1]])


def check_respondents(
    data: ChoiceData,
    *,
    price: str = "price",
    signs: Mapping[str, int] | None = None,
    seconds: FloatArray | None = None,
    rng: Rng = 0,
    progress: Callable[[float], None] = lambda _done: None,
) -> RespondentQuality:
    """Judge every respondent by five criteria.

    Two of them are the likelihood of the odd and of the even tasks (see `consistency`); the others are one position
    for all tasks (or positions in turn), less than 40 % of the median time, and the same answers to the same tasks as
    an earlier person. Always taking the cheapest is remarked: people may mean it.

    signs: as in `fit_hb`. seconds: (respondents,) time for all tasks, NaN where it is not known.
    Raises DataError when the data do not say who answered, or `seconds` has another length.
    """
    if seconds is not None and seconds.shape != (data.respondents,):
        found = f"has shape {seconds.shape}"
        raise DataError([Problem("seconds", found, f"({data.respondents},)", "give one time for each respondent")])
    lines = straight_lining(data) if data.respondent is not None else np.zeros(0, dtype=np.bool_)
    scores = _judged_by_the_earnest(data, lines, signs, rng, progress)
    _, tasks = starts_of(data)
    times = np.full(tasks.size, np.nan) if seconds is None else seconds
    copies = duplicates(data)
    flags: dict[Criterion, BoolArray] = {
        "odd tasks": scores.odd < scores.odd_cut,
        "even tasks": scores.even < scores.even_cut,
        "straight-lining": lines,
        "speed": speeders(times, tasks),
        "duplicate": copies >= 0,
    }
    cheap = cheapest_only(data, price)
    names = _names(data)
    verdicts = []
    kept = np.ones(tasks.size, dtype=np.bool_)
    for person in np.flatnonzero(np.any([*flags.values(), cheap], axis=0)).tolist():
        criteria = tuple(name for name, flag in flags.items() if flag[person])
        original = names[copies[person]] if copies[person] >= 0 else ""
        reasons = tuple(_reason(name, person, scores, times, original) for name in criteria)
        remarks = (f"takes the lowest {price} every time",) if cheap[person] else ()
        verdict = Verdict(names[person], int(tasks[person]), criteria, reasons, remarks)
        kept[person] = not verdict.dropped
        verdicts.append(verdict)
    return RespondentQuality(tuple(verdicts), frozen(kept), tasks.size)


def _judged_by_the_earnest(
    data: ChoiceData, lines: BoolArray, signs: Mapping[str, int] | None, rng: Rng, progress: Callable[[float], None]
) -> Consistency:
    """Scores under the tastes of those whom a first look keeps: robots would blur the picture of people."""
    seed = int(np.random.default_rng(rng).integers(2**32))
    first = consistency(data, signs=signs, rng=seed, progress=lambda done: progress(0.5 * done))
    halves = np.stack([first.odd < first.odd_cut, first.even < first.even_cut])
    careless = halves.all(axis=0) | (lines & halves.any(axis=0))
    if not careless.any() or careless.all() or data.respondent is None:
        return first
    kept = data.take(~careless[np.unique(data.respondent, return_inverse=True)[1]])
    return consistency(data, population=kept, signs=signs, rng=seed, progress=lambda done: progress(0.5 + 0.5 * done))


def _names(data: ChoiceData) -> list[str]:
    """The respondents' names in the order of their codes."""
    assert data.respondent is not None, "people are known"
    assert data.respondent_labels is not None, "people are known"
    return [label(data.respondent_labels[code]) for code in np.unique(data.respondent).tolist()]


def _reason(name: Criterion, person: int, scores: Consistency, seconds: FloatArray, original: str) -> str:
    if name == "straight-lining":
        return "chooses by position, not by product"
    if name == "speed":
        return f"took {seconds[person]:.0f} s, less than 40 % of the median for a task"
    if name == "duplicate":
        return f"gave the same answers to the same tasks as {original}"
    half = "odd" if name == "odd tasks" else "even"
    score = (scores.odd if half == "odd" else scores.even)[person]
    cut = (scores.odd_cut if half == "odd" else scores.even_cut)[person]
    return f"the {half} tasks look like random answers (score {score:.1f}, cut-off {cut:.1f})"
