"""Quality of respondents: what speaks against each, and who is dropped. Nobody is dropped for a single reason."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from marketfit.demand.arrays import BoolArray, FloatArray, IntArray, Rng, frozen, label
from marketfit.demand.choices.data import ChoiceData, check_choice_data
from marketfit.demand.respondents import consistency as likelihood
from marketfit.demand.respondents.consistency import Consistency, consistency
from marketfit.demand.respondents.patterns import (
    FEWEST_TASKS,
    cheapest_only,
    duplicates,
    speeders,
    starts_of,
    straight_lining,
)
from marketfit.errors import DataError, Problem

Criterion: TypeAlias = Literal["odd tasks", "even tasks", "straight-lining", "speed", "duplicate"]

ENOUGH = 2
"""Criteria that must speak against a person before their answers are left out."""

FEWEST_PEOPLE = 25
"""With fewer respondents there is no population of tastes to hold anybody's answers against."""


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

    kept: (respondents,) in the order of `respondent_labels`. not_judged: what nobody, or not everybody, could be judged
    by, each with the reason.
    """

    verdicts: tuple[Verdict, ...]
    kept: BoolArray
    respondents: int
    not_judged: tuple[str, ...] = ()

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
    answered: FloatArray | None = None,
    rng: Rng = 0,
    progress: Callable[[float], None] = lambda _done: None,
) -> RespondentQuality:
    """Judge every respondent by five criteria.

    Two of them are the likelihood of the odd and of the even tasks (see `consistency`), from 25 respondents on; the
    others, with any number, are one position for all tasks (or positions in turn), less than 40 % of the median time
    for a question, and the same answers to the same tasks as an earlier person. A likelihood confirms a straight line
    by a stricter cut-off than it judges others by. Always taking the cheapest is remarked: people may mean it. Always
    taking none is no criterion: whoever wants none of the offers answers just so, and no answer tells them apart.

    signs: as in `fit_hb`. seconds: (respondents,) time for all questions, NaN where it is not known. answered:
    (respondents,) how many questions that time is for, the choice tasks unless given: in a survey of several parts,
    those of all parts.
    Raises DataError when the data do not say who answered, or `seconds` or `answered` has another length.
    """
    _check(data, seconds, answered)
    lines = straight_lining(data)
    _, tasks = starts_of(data)
    scores = _nothing_known(tasks.size)
    if tasks.size >= FEWEST_PEOPLE:
        scores = _judged_by_the_earnest(data, lines, signs, rng, progress)
    times = np.full(tasks.size, np.nan) if seconds is None else seconds
    copies = duplicates(data)
    flags: dict[Criterion, BoolArray] = {
        "odd tasks": scores.odd < scores.odd_cut,
        "even tasks": scores.even < scores.even_cut,
        "straight-lining": lines,
        "speed": speeders(times, tasks if answered is None else answered),
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
    return RespondentQuality(tuple(verdicts), frozen(kept), tasks.size, _not_judged(tasks, times))


def _check(data: ChoiceData, seconds: FloatArray | None, answered: FloatArray | None) -> None:
    check_choice_data(data)
    if data.respondent is None:
        found, do = "the choice data do not say who answered", "name the respondent column"
        raise DataError([Problem("respondents", found, "a respondent for every task", do)])
    problems = [
        Problem(name, f"has shape {given.shape}", f"({data.respondents},)", f"give one {word} for each respondent")
        for name, given, word in (("seconds", seconds, "time"), ("answered", answered, "number"))
        if given is not None and given.shape != (data.respondents,)
    ]
    if problems:
        raise DataError(problems)


def _nothing_known(people: int) -> Consistency:
    unknown = np.full(people, np.nan)
    return Consistency(*[unknown] * 6)


def _not_judged(tasks: IntArray, times: FloatArray) -> tuple[str, ...]:
    """What people could not be judged by, in sentences."""
    told = []
    if tasks.size < FEWEST_PEOPLE:
        found = f"it takes {FEWEST_PEOPLE} respondents to know what people want, here are {tasks.size}"
        told.append(f"The likelihood of answers was not judged: {found}.")
    elif short := int((tasks < likelihood.FEWEST_TASKS).sum()):
        found = f"fewer than {likelihood.FEWEST_TASKS} tasks"
        told.append(f"The likelihood of answers was not judged for {short} of {tasks.size} respondents: {found}.")
    if short := int((tasks < FEWEST_TASKS).sum()):
        found = f"fewer than {FEWEST_TASKS} tasks, where honest answers fall into patterns too often"
        told.append(f"Straight lines and copies were not judged for {short} of {tasks.size} respondents: {found}.")
    unknown = int((~np.isfinite(times)).sum())
    if unknown == tasks.size:
        told.append("Speed was not judged: no times are known.")
    elif unknown:
        told.append(f"Speed was not judged for {unknown} of {tasks.size} respondents: their times are not known.")
    return tuple(told)


def _judged_by_the_earnest(
    data: ChoiceData, lines: BoolArray, signs: Mapping[str, int] | None, rng: Rng, progress: Callable[[float], None]
) -> Consistency:
    """Scores under the tastes of those whom a first look keeps: robots would blur the picture of people."""
    seed = int(np.random.default_rng(rng).integers(2**32))
    first = consistency(data, signs=signs, rng=seed, progress=lambda done: progress(0.5 * done))
    halves = np.stack([first.odd < first.odd_cut, first.even < first.even_cut])
    careless = halves.all(axis=0) | (lines & halves.any(axis=0))
    if not careless.any() or careless.all() or data.respondent is None:
        return first.held_against(lines)
    kept = data.take(~careless[np.unique(data.respondent, return_inverse=True)[1]])
    second = consistency(data, population=kept, signs=signs, rng=seed, progress=lambda done: progress(0.5 + 0.5 * done))
    return second.held_against(lines)


def _names(data: ChoiceData) -> list[str]:
    """The respondents' names in the order of their codes."""
    assert data.respondent is not None, "people are known"
    assert data.respondent_labels is not None, "people are known"
    return [label(data.respondent_labels[code]) for code in np.unique(data.respondent).tolist()]


def _reason(name: Criterion, person: int, scores: Consistency, seconds: FloatArray, original: str) -> str:
    if name == "straight-lining":
        return "chooses by position, not by product"
    if name == "speed":
        return f"took {seconds[person]:.0f} s, less than 40 % of the median for a question"
    if name == "duplicate":
        return f"gave the same answers to the same tasks as {original}"
    half = "odd" if name == "odd tasks" else "even"
    score = (scores.odd if half == "odd" else scores.even)[person]
    cut = (scores.odd_cut if half == "odd" else scores.even_cut)[person]
    return f"the {half} tasks look like random answers (score {score:.1f}, cut-off {cut:.1f})"
