from __future__ import annotations

from collections.abc import Callable

import pytest

from marketfit.brief import MarketSpec, SurveyFile
from marketfit.engine import Run
from marketfit.errors import DataError
from marketfit.records.findings import Finding
from marketfit.research.instruments.codings import Codings

RARE = "unit,respondent,code\nu1,c1,a\nu1,c2,a\nu2,c1,b\nu2,c2,b\nu3,c1,a\nu3,c2,b\nu4,c1,z\n"


def finding(file: SurveyFile, run: Run) -> Finding:
    instrument, market = Codings(), MarketSpec()
    return instrument.estimate(instrument.read(file, market), market, run=run)


def test_a_code_in_no_shared_unit_has_no_alpha_and_is_noted(survey: Callable[[str], SurveyFile], run: Run) -> None:
    found = finding(survey(RARE), run)
    assert found.figures[0].value == pytest.approx(4 / 9)
    rows = {row[0]: row[1:] for row in found.tables[0].rows}
    assert rows["z"] == (None, None, None, 1.0, 0.0)
    assert isinstance(rows["a"][0], float)
    assert any(note.startswith("No α of 'z'") for note in found.notes)


def test_two_units_prove_no_reliable_codes(survey: Callable[[str], SurveyFile], run: Run) -> None:
    found = finding(survey("unit,respondent,code\nu1,c1,a\nu1,c2,a\nu2,c1,b\nu2,c2,b\n"), run)
    assert found.figures[0].value == 1.0
    assert any(note.startswith("Not reliable") for note in found.notes)


def test_one_code_only_says_so(survey: Callable[[str], SurveyFile], run: Run) -> None:
    with pytest.raises(DataError, match="all codes are the same"):
        finding(survey("unit,respondent,code\nu1,c1,a\nu1,c2,a\n"), run)
