"""The further instruments of a brief: every one gives a finding, whatever becomes of the others."""

from __future__ import annotations

from collections.abc import Mapping

from marketfit.brief import MarketSpec
from marketfit.engine import Run
from marketfit.errors import DataError, RunError
from marketfit.records.findings import Finding
from marketfit.research.reading import Survey


def survey_findings(surveys: Mapping[str, Survey], market: MarketSpec, *, run: Run) -> tuple[Finding, ...]:
    """What each instrument found. One that cannot be estimated on valid answers gives a finding that says why."""
    return tuple(_finding(name, survey, market, run=run) for name, survey in surveys.items())


def _finding(name: str, survey: Survey, market: MarketSpec, *, run: Run) -> Finding:
    try:
        return survey.instrument.estimate(survey.answers, market, run=run)
    except DataError as error:
        reasons = [f"{problem}." for problem in error.problems]
    except RunError as error:
        reasons = [f"{error}."]
    return Finding(
        instrument=name,
        title=f"No estimate: {name}",
        respondents=0,
        answers=0,
        simulated=market.simulated,
        lead="Nothing can be told from these answers; the reason is below.",
        notes=tuple(f"Not estimated: {reason}" for reason in reasons),
    )
