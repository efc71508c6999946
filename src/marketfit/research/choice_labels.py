"""What respondents of a choice survey read in place of attributes and levels."""

from __future__ import annotations

from collections.abc import Sequence

from marketfit.demand.arrays import label
from marketfit.errors import Problem, nearest
from marketfit.records.questionnaire import Labels
from marketfit.research.choice_design import ChoicePlan


def label_problems(plan: ChoicePlan) -> list[Problem]:
    """Labels of attributes or levels that are not shown, and labels by which two of them could not be told apart."""
    problems = [
        Problem(f"labels.{name}", "no such attribute", nearest(name, plan.levels), "rename it")
        for name in plan.labels
        if name not in plan.levels
    ]
    problems += _alike(
        "labels", [plan.labels[name].name or name if name in plan.labels else name for name in plan.levels]
    )
    for name, labels in plan.labels.items():
        shown = [label(level) for level in plan.levels.get(name, ())]
        where = f"labels.{name}.levels"
        problems += [
            Problem(f"{where}.{level}", "no such level", nearest(level, shown), "correct it")
            for level in labels.levels
            if name in plan.levels and _as_label(level) not in shown
        ]
        told = _by_label(labels)
        problems += _alike(where, [told.get(level, level) for level in shown])
        problems += [
            Problem(f"{where}.{level}", "is empty", "what respondents read", "write it, or leave the level out")
            for level, text in labels.levels.items()
            if not text.strip()
        ]
    return problems


def labels_of(plan: ChoicePlan) -> dict[str, Labels]:
    """The plan's labels with levels named as `label` names them, so that 5 and 5.0 are one level."""
    return {name: Labels(name=labels.name, levels=_by_label(labels)) for name, labels in plan.labels.items()}


def _by_label(labels: Labels) -> dict[str, str]:
    return {_as_label(level): text for level, text in labels.levels.items()}


def _as_label(level: str) -> str:
    """The name of a level as a file spells it: numbers as `label` writes them."""
    try:
        return label(float(level))
    except ValueError:
        return level


def _alike(where: str, shown: Sequence[str]) -> list[Problem]:
    twice = sorted({text for text in shown if shown.count(text) > 1})
    return [
        Problem(where, f"'{text}' stands for more than one", "a text of its own for each", "reword one")
        for text in twice
    ]
