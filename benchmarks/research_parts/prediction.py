"""What hierarchical Bayes foretells of stated choices of electricity suppliers, beside the multinomial logit.

Two of the twelve tasks of each person are held out, by the seeds 0 to 4. The scale of utilities is tuned on two more
tasks, held out of the training tasks: no test task has a say. Figures are means over the splits. Their 95 % intervals
are clustered by respondent, and as wide as those of one split, on average: the splits share their people.

The last two tasks of each person are told beside them: the bars came with a logit of 1.20 and 0.43, which is what it
reaches on these, and on none of the five random splits. They are harder, and no mean: no bar is theirs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from statistics import fmean
from typing import TypeAlias

from marketfit.demand import (
    ChoiceData,
    CodingOption,
    HeldOutMeasure,
    ScaledPredictor,
    TaskSplit,
    fit_hb,
    fit_mnl,
    hit_rate,
    log_loss,
    split_tasks,
    tune_scale,
)

from .row import Found, Row, judged, skipped
from .settings import Settings
from .surveys import ELECTRICITY, electricity, missing

PART, WHAT = "prediction", "electricity, 2 held-out tasks of each person"
SEEDS = (0, 1, 2, 3, 4)
LOSS, HITS = 0.80, 0.67
BARS = (f"log-loss ≤ {LOSS:.2f}", f"hit rate ≥ {HITS:.2f}")
SIGNS = {"pf": -1, "tod": -1, "seas": -1, "loc": 1, "wk": 1}
LEVELS: Mapping[str, CodingOption] = {"cl": "levels"}
LAST = "last two"
LOGIT, PEOPLE, SIGNED = "MNL", "HB", "HB, signs"
"""The bar is for HB as it comes; signs are what the one who asks may add."""

Fit: TypeAlias = Callable[[ChoiceData], ScaledPredictor]


@dataclass(frozen=True)
class Scored:
    """Probabilities of held-out choices, scored."""

    loss: HeldOutMeasure
    hits: HeldOutMeasure


@dataclass(frozen=True)
class Foretold:
    """What one model foretells on one split: as it comes, and with utilities times `scale`."""

    plain: Scored
    scale: float
    tuned: Scored


def measure(settings: Settings) -> Found:
    """Log-loss and hit rate of hierarchical Bayes, without and with signs, beside the logit's."""
    why = missing(settings.data, ELECTRICITY)
    if why:
        return Found(tuple(skipped(PART, WHAT, why, bar) for bar in BARS))
    data = electricity(settings.data)
    hb = partial(fit_hb, iterations=settings.iterations)
    models: dict[str, Fit] = {LOGIT: fit_mnl, PEOPLE: hb, SIGNED: partial(hb, signs=SIGNS)}
    if settings.wide:
        models["HB, contract length by levels"] = partial(hb, coding=LEVELS)
        models["HB, signs and levels"] = partial(hb, signs=SIGNS, coding=LEVELS)
    splits = {str(seed): split_tasks(data, rng=seed) for seed in SEEDS} | {LAST: split_tasks(data, rng=None)}
    found = {
        name: {key: foretold(fit, split, tune=name != LOGIT) for key, split in splits.items()}
        for name, fit in models.items()
    }
    departures = settings.departures(["iterations"])
    rows = [row for name in (PEOPLE, SIGNED) for row in rows_of(name, found[name], found[LOGIT], departures)]
    return Found(tuple(rows), wide(found) if settings.wide else "")


def foretold(fit: Fit, split: TaskSplit, *, tune: bool) -> Foretold:
    """Fit on the training tasks and foretell the others. The logit's own scale is the likeliest: it stays."""
    model = fit(split.train)
    plain = scored(split, model, 1.0)
    if not tune:
        return Foretold(plain, 1.0, plain)
    scale = tune_scale(fit, split.train).value
    return Foretold(plain, scale, scored(split, model, scale))


def scored(split: TaskSplit, model: ScaledPredictor, scale: float) -> Scored:
    probabilities = model.predict(split.test, scale=scale)
    return Scored(log_loss(split.test, probabilities), hit_rate(split.test, probabilities))


def rows_of(name: str, seen: Mapping[str, Foretold], logit: Mapping[str, Foretold], departures: str) -> tuple[Row, ...]:
    """A model's rows: of the mean over the seeds, which bars may be for, and of the last two tasks."""
    keys = [str(seed) for seed in SEEDS]
    over = [seen[key] for key in keys], [logit[key] for key in keys]
    loss, hits = pair(f"{name}, splits {keys[0]} to {keys[-1]}", *over)
    if name == PEOPLE:
        kept = mean([one.tuned.loss for one in over[0]]) <= LOSS, mean([one.tuned.hits for one in over[0]]) >= HITS
        verdicts = [judged(good, departures=departures) for good in kept]
        loss, hits = replace(loss, bar=BARS[0], verdict=verdicts[0]), replace(hits, bar=BARS[1], verdict=verdicts[1])
    return (loss, hits, *pair(f"{name}, {LAST} tasks", [seen[LAST]], [logit[LAST]]))


def pair(what: str, ours: Sequence[Foretold], logit: Sequence[Foretold]) -> tuple[Row, Row]:
    """Log-loss and hit rate, tuned, beside the logit's."""
    one = ours[0].plain.loss
    n = f"{len(ours)} × {one.tasks} choices of {one.respondents} people"
    scales = [f"{bound(seen.scale for seen in ours):.2f}" for bound in (min, max)]
    head = f"electricity, {what}, scale {' to '.join(dict.fromkeys(scales))}"
    losses = beside([seen.tuned.loss for seen in ours], [seen.plain.loss for seen in logit])
    hits = beside([seen.tuned.hits for seen in ours], [seen.plain.hits for seen in logit])
    return Row(PART, f"{head}: log-loss", n, *losses), Row(PART, f"{head}: hit rate", n, *hits)


def beside(ours: Sequence[HeldOutMeasure], logit: Sequence[HeldOutMeasure]) -> tuple[str, str, str]:
    """The cells of ours, the logit's, and their ratio."""
    return averaged(ours), f"{LOGIT} {averaged(logit)}", f"{mean(logit) / mean(ours):.2f}"


def mean(measures: Sequence[HeldOutMeasure]) -> float:
    return fmean(one.value for one in measures)


def averaged(measures: Sequence[HeldOutMeasure]) -> str:
    """Mean value and mean bounds."""
    low, high = fmean(one.low for one in measures), fmean(one.high for one in measures)
    return f"{mean(measures):.3f} ({low:.3f} to {high:.3f})"


def wide(found: Mapping[str, Mapping[str, Foretold]]) -> str:
    """Every model on every split, as it comes and tuned."""
    lines = [
        "| split | model | log-loss | hit rate | scale | log-loss, tuned | hit rate, tuned |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, by_split in found.items():
        shown = {key: [seen] for key, seen in by_split.items()}
        shown[f"mean of {SEEDS[0]} to {SEEDS[-1]}"] = [by_split[str(seed)] for seed in SEEDS]
        for key, seen in shown.items():
            plain = averaged([one.plain.loss for one in seen]), averaged([one.plain.hits for one in seen])
            tuned = averaged([one.tuned.loss for one in seen]), averaged([one.tuned.hits for one in seen])
            cells = (key, name, *plain, f"{fmean(one.scale for one in seen):.2f}", *tuned)
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)
