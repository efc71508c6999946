"""Segments of a choice study, as a finding: how large they are, who is in them, what they want and would pay."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from marketfit.demand import (
    ChoiceData,
    LatentClassResult,
    MNLResult,
    Profile,
    Segment,
    Segments,
    fit_latent_class,
    latent_segments,
    profile_segments,
)
from marketfit.demand.arrays import FloatArray
from marketfit.demand.segments.profile import LevelProfile, NumberProfile, NumberSummary
from marketfit.errors import DataError
from marketfit.records.findings import Drawing, Figure, Finding, FindingTable
from marketfit.research.study.findings import Cells, rounded
from marketfit.research.study.people import RESPONDENT, People
from marketfit.research.study.stage import percent
from marketfit.research.study.steps import Step, steps_of

FEWEST_FOR_SEGMENTS = 60
CLASSES = (1, 2, 3, 4, 5)
MOST_FITTED = 2000
"""People whose classes are looked for: with so many, shares of segments are known to within two points."""
_MARKS = 6  # levels by which a segment stands out, at the most


def segment_finding(
    data: ChoiceData,
    straight: MNLResult,
    people: People | None,
    *,
    price: str,
    simulated: bool,
    seed: int,
    progress: Callable[[float], None],
    found: LatentClassResult | None = None,
) -> tuple[Finding | None, tuple[str, ...]]:
    """Segments by latent class: how many by BIC, what each wants and would pay, and who is in it.

    straight: the logit of the data with a straight line for price; its coding and signs are those of the segments.
    found: the latent classes of these data in that coding, where they are fitted already. Otherwise they are fitted to
    MOST_FITTED people at the most, drawn by the seed: more of them would only take longer.
    """
    if data.respondents < FEWEST_FOR_SEGMENTS:
        return None, (f"No segments: they take {FEWEST_FOR_SEGMENTS} respondents, here are {data.respondents}.",)
    asked, coding, signs = data.respondents, straight.coding, straight.signs
    if found is None:
        data = _sample(data, seed)
    try:
        model = found or fit_latent_class(
            data, classes=CLASSES, coding=coding, signs=signs, rng=seed, progress=progress
        )
    except DataError as error:
        return None, (f"No segments: {error.problems[0]}.",)
    if model.classes == 1:
        return None, ("No segments: by BIC one set of tastes describes everybody best.",)
    segments = latent_segments(model, price=price, rng=seed)
    steps = steps_of(coding, signs)
    worth, silent = _worth(segments, steps, price)
    tables = [_sizes(segments), _wants(segments, steps), *([worth] if worth else [])]
    notes: list[str] = [
        f"How many segments there are is decided by BIC among {CLASSES[0]} to {CLASSES[-1]}; a person belongs to the "
        f"likeliest one, with a mean chance of {percent(segments.certainty)} %.",
        *silent,
    ]
    if data.respondents < asked:
        notes.append(f"Segments are of {data.respondents:,} of the {asked:,} respondents, drawn at random.")
    if people is not None and people.columns:
        profile = profile_segments(
            segments,
            people.table,
            respondent=RESPONDENT,
            columns=people.columns,
            weights=_weights(data),
            rng=seed,
        )
        tables[1:1] = [*_who(segments, profile), *_numbers(profile)]
        if profile.absent:
            notes.append(f"{profile.absent} respondents are not in the table of respondents.")
    return (
        Finding(
            instrument="segments",
            title="Segments: who wants what, and would pay for it",
            respondents=segments.sample_size,
            answers=data.tasks,
            simulated=simulated,
            lead=_lead(segments),
            figures=(Figure(name="Segments", value=float(len(segments.segments)), n=segments.sample_size),),
            tables=tuple(tables),
            notes=tuple(notes),
        ),
        (),
    )


def _sample(data: ChoiceData, seed: int) -> ChoiceData:
    """The answers of MOST_FITTED people at the most."""
    if data.respondent is None or data.respondents <= MOST_FITTED:
        return data
    people = np.unique(data.respondent)
    drawn = np.random.default_rng(seed).choice(people, MOST_FITTED, replace=False)
    return data.take(np.isin(data.respondent, drawn))


def _weights(data: ChoiceData) -> FloatArray:
    """(respondents,) how many people each stands for: the weight of their tasks, which is the same for all of them."""
    assert data.respondent is not None, "people are known"
    return data.weights[np.unique(data.respondent, return_index=True)[1]]


def _lead(segments: Segments) -> str:
    told = [
        f"{name_of(one)}, {percent(one.share.value)} % of people, minds {_most(one, 2, ' and ')}"
        for one in segments.segments
    ]
    return f"{len(segments.segments)} segments: {'; '.join(told)} (importance; intervals below)."


def name_of(segment: Segment) -> str:
    """`segment1` as people write it."""
    return segment.name.replace("segment", "Segment ")


def _people(segment: Segment) -> float:
    return float(round(segment.people))


def _sizes(segments: Segments) -> FindingTable:
    return FindingTable(
        title="Share of people in each segment, in percent",
        columns=("segment", "share, %", "low", "high", "n", "what counts most"),
        rows=tuple(
            (name_of(one), percent(one.share.value), percent(one.share.low), percent(one.share.high), _people(one),
             _most(one, 3))
            for one in segments.segments
        ),
        note=f"95 % intervals, n = {segments.sample_size} respondents; n of a segment is how many of them to expect in "
        "it. What counts most: importance of attributes in percent.",
        drawing=Drawing(kind="intervals", x="share, %", label="segment", low="low", high="high"),
    )  # fmt: skip


def _most(segment: Segment, count: int, join: str = ", ") -> str:
    ranked = sorted(segment.importance, key=lambda name: -segment.importance[name].value)
    return join.join(f"{name} {segment.importance[name].value:.0f} %" for name in ranked[:count])


def _who(segments: Segments, profile: Profile) -> list[FindingTable]:
    """What is known of people by name; nothing where all that is known are numbers."""
    if not any(isinstance(covariate, LevelProfile) for covariate in profile.covariates):
        return []
    whose = {
        id(share): covariate.name
        for covariate in profile.covariates
        if isinstance(covariate, LevelProfile)
        for share in covariate.shares
    }
    rows: list[Cells] = []
    for segment in segments.segments:
        for one in profile.distinctive(segment.name)[:_MARKS]:
            rows.append(
                (name_of(segment), f"{whose[id(one)]}: {one.level}", percent(one.share.value), percent(one.overall),
                 *rounded((one.lift.value, one.lift.low, one.lift.high), 2), float(one.n))
            )  # fmt: skip
    table = FindingTable(
        title="Who is in them: what is commoner, or rarer, than among all",
        columns=("segment", "who", "here, %", "among all, %", "times as common", "low", "high", "n"),
        rows=tuple(rows),
        note="Only what differs beyond chance. 95 % intervals of how many times as common; Holm's correction over what "
        "is known of people; shares are weighted as the study is, n is everybody who is likeliest in the segment."
        if rows
        else "Nothing that is known of people sets the segments apart.",
    )
    return [table]


def _numbers(profile: Profile) -> list[FindingTable]:
    """Means and quartiles of what is known of people in numbers, segment by segment; nothing without such columns."""
    rows: list[Cells] = []
    for covariate in profile.covariates:
        if isinstance(covariate, NumberProfile):
            differs = "yes" if covariate.p_holm < 1 - profile.level else "no"
            rows += [
                (covariate.name, one.segment.replace("segment", "Segment "), *_summarised(one), differs, float(one.n))
                for one in (*covariate.by_segment, covariate.overall)
            ]
    if not rows:
        return []
    return [
        FindingTable(
            title="Who is in them, in numbers",
            columns=(
                "what", "segment", "mean", "low", "high", "lower quartile", "median", "upper quartile",
                "differs between segments", "n",
            ),
            rows=tuple(rows),
            note="95 % intervals of the means; quartiles have none. Differs: beyond chance (Kruskal–Wallis, 5 %, with "
            "Holm's correction over what is known of people). Weighted as the study is; n is everybody with a known "
            "number who is likeliest in the segment.",
        )
    ]  # fmt: skip


def _summarised(one: NumberSummary) -> Cells:
    mean = (one.mean.value, one.mean.low, one.mean.high)
    return rounded((*mean, one.lower_quartile, one.median, one.upper_quartile), 2)


def _wants(segments: Segments, steps: Sequence[Step]) -> FindingTable:
    rows: list[Cells] = []
    for one in segments.segments:
        for step in steps:
            figure = one.utilities[step.column]
            moved = rounded(step.of(figure.value, figure.low, figure.high), 2)
            rows.append((name_of(one), step.words, *moved, _people(one)))
    return FindingTable(
        title="What each segment wants: utility of a step",
        columns=("segment", "step", "utility", "low", "high", "n"),
        rows=tuple(rows),
        note="A step that adds 1 multiplies the odds of being chosen by 2.7. 95 % intervals, "
        f"n = {segments.sample_size} respondents in all.",
    )


def _worth(segments: Segments, steps: Sequence[Step], price: str) -> tuple[FindingTable | None, list[str]]:
    """What each segment would pay for a step, and why some can't be told."""
    rows: list[Cells] = []
    for one in segments.segments:
        for step in steps:
            figure = (one.worth or {}).get(step.column)
            if figure is not None:
                paid = rounded(step.of(figure.value, figure.low, figure.high), 2)
                rows.append((name_of(one), step.words, *paid, _people(one)))
    silent = [
        f"What {name_of(one)} would pay is not known: {one.no_worth}." for one in segments.segments if not one.worth
    ]
    if not rows:
        return None, silent
    return FindingTable(
        title=f"What each segment would pay for a step, in units of {price}",
        columns=("segment", "step", "worth", "low", "high", "n"),
        rows=tuple(rows),
        note=f"The {price} that a step makes up for, with no rival in sight. 95 % intervals, n = "
        f"{segments.sample_size} respondents in all; none where the direction 'better' holds a step at 0.",
    ), silent
