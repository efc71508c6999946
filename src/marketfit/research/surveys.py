"""The further instruments of a brief: every one gives a finding, whatever becomes of the others."""

from __future__ import annotations

from collections.abc import Mapping

from marketfit.brief import MarketSpec
from marketfit.engine import Run
from marketfit.errors import DataError, RunError
from marketfit.records.findings import Finding
from marketfit.research.panel import Panel
from marketfit.research.reading import Survey
from marketfit.research.respondents import NamedAnswers


def survey_findings(
    surveys: Mapping[str, Survey], market: MarketSpec, panel: Panel, *, run: Run
) -> tuple[Finding, ...]:
    """What each instrument found from the respondents who count, where its answers know who gave them.

    One that cannot be estimated on valid answers gives a finding that says why.
    """
    return tuple(_finding(name, survey, market, panel, run=run) for name, survey in surveys.items())


def _finding(name: str, survey: Survey, market: MarketSpec, panel: Panel, *, run: Run) -> Finding:
    answers = survey.answers
    try:
        if isinstance(answers, NamedAnswers):
            standing = panel.standing(answers.who)
            if not standing.kept.any():
                return _silent(name, market, standing.notes)
            answers = answers.counted(standing)
        return survey.instrument.estimate(answers, market, run=run)
    except DataError as error:
        reasons = [f"{problem}." for problem in error.problems]
    except RunError as error:
        reasons = [f"{error}."]
    return _silent(name, market, tuple(f"Not estimated: {reason}" for reason in reasons))


def _silent(name: str, market: MarketSpec, notes: tuple[str, ...]) -> Finding:
    return Finding(
        instrument=name,
        title=f"No estimate: {name}",
        respondents=0,
        answers=0,
        simulated=market.simulated,
        lead="Nothing can be told from these answers; the reason is below.",
        notes=notes,
    )
