"""What a choice study says, as findings: importance, who was left out, which model foretells best, segments."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from marketfit.demand import (
    ChoiceData,
    Coding,
    Profile,
    Segment,
    Segments,
    UtilityDraws,
    Verdict,
    fit_latent_class,
    importance,
    latent_segments,
    profile_segments,
)
from marketfit.errors import DataError
from marketfit.records import HeldOut
from marketfit.records.findings import Drawing, Figure, Finding, FindingTable
from marketfit.research.study.people import RESPONDENT, People

FEWEST_FOR_SEGMENTS = 60
CLASSES = (1, 2, 3, 4, 5)
_MARKS = 6  # levels by which a segment stands out, at the most

Cells = tuple[float | str | None, ...]


def choice_finding(
    drawn: UtilityDraws, held_out: Sequence[HeldOut], verdicts: Sequence[Verdict], *, tasks: int, simulated: bool
) -> Finding:
    """How much each attribute counts, how well choices are foretold, and whom something speaks against."""
    found = importance(drawn)
    rows: list[Cells] = [
        (name, float(found.percent[place]), _end(found.low[place]), _end(found.high[place]))
        for place, name in enumerate(found.attributes)
    ]
    rows.sort(key=lambda row: -float(row[1] or 0))
    tables = [
        FindingTable(
            title="How much each attribute counts, in percent",
            columns=("attribute", "importance", "low", "high"),
            rows=tuple(rows),
            note=f"Range of part-worths over the tested levels; 95 % intervals, n = {found.sample_size} respondents.",
            drawing=Drawing(kind="intervals", x="importance", label="attribute", low="low", high="high"),
        )
    ]
    if held_out:
        tables.append(_held_out(held_out))
    if verdicts:
        tables.append(_people(verdicts))
    return Finding(
        instrument="choice",
        title="What counts, and how sure that is",
        respondents=drawn.sample_size,
        answers=tasks,
        simulated=simulated,
        tables=tuple(tables),
    )


def _held_out(held_out: Sequence[HeldOut]) -> FindingTable:
    first = held_out[0]
    return FindingTable(
        title="Choices that the models were not fitted on",
        columns=("model", "log-loss", "log-loss low", "log-loss high", "hit rate", "hit rate low", "hit rate high"),
        rows=tuple(
            (one.model, one.log_loss, one.log_loss_low, one.log_loss_high, one.hit_rate, one.hit_rate_low,
             one.hit_rate_high)
            for one in held_out
        ),
        note=f"n = {first.tasks} tasks of {first.respondents} respondents; 95 % intervals. Less log-loss is better.",
    )  # fmt: skip


def _people(verdicts: Sequence[Verdict]) -> FindingTable:
    ordered = sorted(verdicts, key=lambda verdict: (not verdict.dropped, verdict.respondent))
    return FindingTable(
        title="Respondents with something to tell",
        columns=("respondent", "what becomes of the answers", "tasks", "reasons"),
        rows=tuple(
            (
                verdict.respondent,
                "left out" if verdict.dropped else "count",
                float(verdict.tasks),
                "; ".join((*verdict.reasons, *verdict.remarks)),
            )
            for verdict in ordered
        ),
        note="Two criteria must speak against a person before their answers are left out.",
    )


def segment_finding(
    data: ChoiceData,
    coding: Coding,
    signs: Mapping[str, int],
    people: People | None,
    *,
    price: str,
    simulated: bool,
    seed: int,
    progress: Callable[[float], None],
) -> tuple[Finding | None, tuple[str, ...]]:
    """Segments by latent class: how many by BIC, what each wants and would pay, and who is in it."""
    if data.respondents < FEWEST_FOR_SEGMENTS:
        return None, (f"No segments: they take {FEWEST_FOR_SEGMENTS} respondents, here are {data.respondents}.",)
    try:
        model = fit_latent_class(data, classes=CLASSES, coding=coding, signs=signs, rng=seed, progress=progress)
    except DataError as error:
        return None, (f"No segments: {error.problems[0]}.",)
    if model.classes == 1:
        return None, ("No segments: by BIC one set of tastes describes everybody best.",)
    segments = latent_segments(model, price=price, rng=seed)
    tables = [_sizes(segments), _wants(segments), _worth(segments, price)]
    notes: list[str] = [f"{len(segments.segments)} segments by BIC; a person is in theirs with a mean chance of "
                        f"{segments.certainty:.0%}."]  # fmt: skip
    if people is not None and people.columns:
        profile = profile_segments(segments, people.table, respondent=RESPONDENT, columns=people.columns, rng=seed)
        tables.insert(1, _who(segments, profile))
        if profile.absent:
            notes.append(f"{profile.absent} respondents are not in the table of respondents.")
    return (
        Finding(
            instrument="segments",
            title="Segments: who wants what",
            respondents=segments.sample_size,
            answers=data.tasks,
            simulated=simulated,
            figures=(Figure(name="Segments", value=float(len(segments.segments)), n=segments.sample_size),),
            tables=tuple(table for table in tables if table is not None),
            notes=tuple(notes),
        ),
        (),
    )


def _sizes(segments: Segments) -> FindingTable:
    return FindingTable(
        title="Share of people in each segment",
        columns=("segment", "share", "low", "high", "counts most"),
        rows=tuple(
            (one.name, one.share.value, _end(one.share.low), _end(one.share.high), _most(one))
            for one in segments.segments
        ),
        note=f"95 % intervals, n = {segments.sample_size} respondents.",
        drawing=Drawing(kind="intervals", x="share", label="segment", low="low", high="high"),
    )


def _most(segment: Segment) -> str:
    ranked = sorted(segment.importance, key=lambda name: -segment.importance[name].value)
    return ", ".join(f"{name} {segment.importance[name].value:.0f} %" for name in ranked[:3])


def _who(segments: Segments, profile: Profile) -> FindingTable:
    rows: list[Cells] = []
    for name in segments.names:
        for one in profile.distinctive(name)[:_MARKS]:
            rows.append(
                (name, one.level, one.share.value, one.overall, one.lift.value, _end(one.lift.low), _end(one.lift.high),
                 float(one.n))
            )  # fmt: skip
    return FindingTable(
        title="Who is in them: levels that are commoner, or rarer, than among all",
        columns=("segment", "level", "share here", "share of all", "times as common", "low", "high", "n"),
        rows=tuple(rows),
        note="Only what differs beyond chance (95 % intervals; Holm's correction over columns)."
        if rows
        else "Nothing that is known of people sets the segments apart.",
    )


def _wants(segments: Segments) -> FindingTable:
    return FindingTable(
        title="What each segment wants: mean utilities",
        columns=("segment", "column", "utility", "low", "high"),
        rows=tuple(
            (one.name, column, figure.value, _end(figure.low), _end(figure.high))
            for one in segments.segments
            for column, figure in one.utilities.items()
        ),
        note=f"95 % intervals, n = {segments.sample_size} respondents.",
    )


def _worth(segments: Segments, price: str) -> FindingTable | None:
    rows: list[Cells] = [
        (one.name, column, figure.value, _end(figure.low), _end(figure.high))
        for one in segments.segments
        for column, figure in (one.worth or {}).items()
    ]
    silent = [f"{one.name}: {one.no_worth}" for one in segments.segments if one.worth is None]
    if not rows:
        return None
    return FindingTable(
        title=f"What each segment would pay for one unit, in units of {price}",
        columns=("segment", "column", "worth", "low", "high"),
        rows=tuple(rows),
        note="; ".join([f"95 % intervals, n = {segments.sample_size} respondents", *silent]) + ".",
    )


def _end(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
