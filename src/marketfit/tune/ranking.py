"""Which of two trials is better, and the finalist of every backbone.

Trials of one backbone cost the same to serve, so only quality decides between them: the best value of the brief's
first quality requirement that a trial records (accuracy, macro-F1, log-loss; else accuracy), and among equal values
the lower log-loss. That is an estimate, not a proof: the best of several is flattered by its luck. So each finalist is
compared with every other trial of its backbone, in what ranks, by a paired bootstrap of the valid rows, at a level
divided by the number of comparisons (Bonferroni), and is only said to beat those for which that proves it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from marketfit.contract import METRICS, Requirement
from marketfit.engine import Run
from marketfit.measure.compare import Comparison, compare_scores
from marketfit.measure.macro_f1 import compare_macro_f1
from marketfit.measure.quality import Scored
from marketfit.records.models import Recipe, Trial
from marketfit.task import IntVector
from marketfit.tune.defaults import TITLES

RankBy = Literal["accuracy", "macro_f1", "log_loss"]

_RANKABLE: dict[str, RankBy] = {"accuracy": "accuracy", "macro_f1": "macro_f1", "log_loss": "log_loss"}
_CONFIDENCE = 0.95


def rank_by(requirements: Sequence[Requirement]) -> RankBy:
    """The first quality requirement that trials record, else accuracy."""
    return next((_RANKABLE[need.metric] for need in requirements if need.metric in _RANKABLE), "accuracy")


def value_of(trial: Trial, metric: RankBy) -> float:
    """The metric of a complete trial, higher is better."""
    value = getattr(trial, metric)
    if value is None:
        raise ValueError(f"trial {trial.number} has no {metric}")
    return float(value) if METRICS[metric].better == "higher" else -float(value)


def search_values(trials: Sequence[Trial], metric: RankBy, *, valid_rows: int) -> list[tuple[Trial, float]]:
    """Each trial with what the search maximises; a failed trial is worse than all others.

    The log-loss separates equal values: its weight is too small to outweigh one row of accuracy.
    """
    values = {
        trial.number: value_of(trial, metric) - 0.05 / valid_rows * min(trial.log_loss or 0.0, 20.0)
        for trial in trials
        if trial.status == "complete"
    }
    lowest = min(values.values(), default=0.0) - 1.0
    return [(trial, values.get(trial.number, lowest)) for trial in trials]


def describe(recipe: Recipe) -> str:
    """A recipe in a few words."""
    if recipe.method == "probe":
        return f"{TITLES['probe']} (C = {recipe.regularisation:g})"
    rank = f", rank {recipe.rank}" if recipe.method == "lora" else ""
    return f"{TITLES[recipe.method]} (rate {recipe.learning_rate:g}, {recipe.epochs:g} epochs{rank})"


def best_first(trials: Sequence[Trial], metric: RankBy) -> list[Trial]:
    """Complete trials, best first; equal ones by lower log-loss, then by number."""
    complete = [trial for trial in trials if trial.status == "complete"]
    return sorted(complete, key=lambda t: (-value_of(t, metric), t.log_loss or 0.0, t.number))


def finalists(trials: Sequence[Trial], metric: RankBy) -> list[Trial]:
    """The best trial of each backbone, best first."""
    found: dict[str, Trial] = {}
    for trial in best_first(trials, metric):
        found.setdefault(trial.backbone.digest(), trial)
    return list(found.values())


def comparisons(trials: Sequence[Trial], metric: RankBy, targets: IntVector, *, run: Run) -> list[str]:
    """One line for each finalist against each other trial of its backbone, and the finalists against the first."""
    lines: list[str] = []
    chosen = finalists(trials, metric)
    for finalist in chosen:
        rivals = [
            trial
            for trial in best_first(trials, metric)
            if trial.number != finalist.number and trial.backbone == finalist.backbone
        ]
        lines += _against(finalist, rivals, metric, targets, run)
        if not rivals:
            lines.append(f"{_name(finalist)} is the only complete trial of its backbone.")
    return lines + _against(chosen[0], chosen[1:], metric, targets, run)


def _against(first: Trial, rivals: Sequence[Trial], metric: RankBy, targets: IntVector, run: Run) -> list[str]:
    if not rivals:
        return []
    scored = _scored(first, targets, run)
    level = 1.0 - (1.0 - _CONFIDENCE) / len(rivals)
    return [_line(first, rival, scored, _scored(rival, targets, run), metric, level, run) for rival in rivals]


def _line(first: Trial, rival: Trial, scored: Scored, other: Scored, metric: RankBy, level: float, run: Run) -> str:
    seed = run.seed_for("tune", "compare", first.number, rival.number)
    if metric == "log_loss":
        found = compare_scores(-scored.losses, -other.losses, confidence=level, seed=seed)
        figures = f"log-loss lower by {found.difference:.4f} nats, at least {found.low:.4f}"
    elif metric == "macro_f1":
        found = compare_macro_f1(
            scored.targets, scored.predicted, other.predicted, classes=scored.classes, confidence=level, seed=seed
        )
        figures = f"macro-F1 {100 * found.difference:+.2f} points, at least {100 * found.low:+.2f}"
    else:
        found = compare_scores(scored.correct, other.correct, confidence=level, seed=seed)
        figures = f"accuracy {100 * found.difference:+.2f} points, at least {100 * found.low:+.2f}"
    verdict = "beats" if _is_better(found) else "is not distinguishable from"
    return (
        f"{_name(first)} {verdict} {_name(rival)}: {figures} at {level:.3%} one-sided confidence, "
        f"p = {found.p:.2g} (two-sided), n = {found.rows} valid rows."
    )


def _is_better(found: Comparison) -> bool:
    return found.difference > 0 and found.low > 0


def _name(trial: Trial) -> str:
    return f"Trial {trial.number}, {describe(trial.recipe)} of {trial.backbone.name},"


def _scored(trial: Trial, targets: IntVector, run: Run) -> Scored:
    if trial.probabilities is None:
        raise ValueError(f"trial {trial.number} has no probabilities")
    return Scored.of(np.asarray(run.workspace.array(trial.probabilities)), targets)
