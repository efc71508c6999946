"""The further instruments of a brief: none takes the findings of the others away."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from marketfit.brief import MarketSpec, SurveyFile
from marketfit.engine import Run
from marketfit.errors import RunError
from marketfit.research.instruments.codings import Codings
from marketfit.research.instruments.maxdiff import MaxDiff
from marketfit.research.instruments.satisfaction import SatisfactionSurvey
from marketfit.research.panel import Panel
from marketfit.research.reading import Survey
from marketfit.research.surveys import survey_findings

ONE_CODE = "unit,respondent,code\nu1,c1,a\nu1,c2,a\nu2,c1,a\nu2,c2,a\n"
CONTENT = "respondent,recommend\np1,9\np2,3\n"
EVERYBODY = Panel((), None, None, {})
KINDS = {"codings": Codings, "satisfaction": SatisfactionSurvey, "maxdiff": MaxDiff}


@pytest.fixture
def read(tmp_path: Path) -> Callable[[Mapping[str, str]], dict[str, Survey]]:
    def made(texts: Mapping[str, str]) -> dict[str, Survey]:
        surveys = {}
        for name, text in texts.items():
            path = tmp_path / f"{name}.csv"
            path.write_text(text, "utf-8")
            instrument = KINDS[name]()
            answers = instrument.read(SurveyFile(source=path), MarketSpec())
            surveys[name] = Survey(instrument, answers)  # type: ignore[arg-type]
        return surveys

    return made


def test_an_instrument_that_cannot_be_estimated_says_why_and_the_others_stand(
    read: Callable[[Mapping[str, str]], dict[str, Survey]], run: Run
) -> None:
    surveys = read({"codings": ONE_CODE, "satisfaction": CONTENT})
    silent, content = survey_findings(surveys, MarketSpec(), EVERYBODY, run=run)
    assert (silent.instrument, silent.figures, silent.tables) == ("codings", (), ())
    assert "all codes are the same" in silent.notes[0]
    assert content.figures[0].name == "Net Promoter Score"


def test_a_search_that_does_not_end_is_told_too(
    read: Callable[[Mapping[str, str]], dict[str, Survey]], run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def endless(*_: object, **__: object) -> None:
        raise RunError("did not converge")

    monkeypatch.setattr(SatisfactionSurvey, "estimate", endless)
    (finding,) = survey_findings(read({"satisfaction": CONTENT}), MarketSpec(), EVERYBODY, run=run)
    assert finding.notes == ("Not estimated: did not converge.",)


def test_of_nobody_who_counts_nothing_is_told(read: Callable[[Mapping[str, str]], dict[str, Survey]], run: Run) -> None:
    panel = Panel(("p1", "p2"), None, None, {})
    (finding,) = survey_findings(read({"satisfaction": CONTENT}), MarketSpec(), panel, run=run)
    assert (finding.figures, finding.respondents) == ((), 0)
    assert finding.notes[0].startswith("Left out: 2 of 2 respondents")
