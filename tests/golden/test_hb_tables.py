"""Hierarchical Bayes on the public electricity choices, against published mixed logits and against held-out tasks.

Published: xlogit's README (600 draws, panel, independent normals): pf −0.9996, cl −0.2355, loc 2.2308, wk 1.6252,
tod −9.6067, seas −9.7893, with standard deviations of 0.4025 (cl) and 1.9263 (loc). Ours lets tastes correlate (those
of pf, tod and seas do by more than 0.9), so coefficients are a little larger, as is the room for taste; what they are
worth in money hardly differs. Hence the bands: a quarter for coefficients and spreads, 15 % for worth. The data are
read from ../shared/data beside the repository; without them these tests are skipped.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from marketfit.demand import ChoiceData, fit_hb, hit_rate, log_loss, split_tasks

PATH = Path(__file__).parents[2].parent / "shared" / "data" / "choice_electricity.parquet"
PUBLISHED = {"pf": -0.9996, "cl": -0.2355, "loc": 2.2308, "wk": 1.6252, "tod": -9.6067, "seas": -9.7893}


@pytest.fixture(scope="module")
def data() -> ChoiceData:
    if not PATH.exists():
        pytest.skip(f"{PATH} is missing: the public choice data are not part of the project")
    return ChoiceData.from_table(
        pl.read_parquet(PATH),
        respondent="person_id",
        task="obs_id",
        alternative="alt",
        chosen="chosen",
        attributes=list(PUBLISHED),
    )


@pytest.mark.slow  # half a minute; planted populations are found in tests/demand
def test_population_of_electricity(data: ChoiceData) -> None:
    fitted = fit_hb(data, iterations=2500)
    assert fitted.converged
    found = {name: fitted.coefficients[name] for name in PUBLISHED}
    assert found == pytest.approx(PUBLISHED, rel=0.25)
    worth = {name: value / found["pf"] for name, value in found.items()}
    assert worth == pytest.approx({name: value / PUBLISHED["pf"] for name, value in PUBLISHED.items()}, rel=0.15)
    spreads = {"sd_cl": 0.4025, "sd_loc": 1.9263}
    assert {name: fitted.coefficients[name] for name in spreads} == pytest.approx(spreads, rel=0.25)


def test_foretells_the_last_two_tasks(data: ChoiceData) -> None:
    split = split_tasks(data, rng=None)
    chances = fit_hb(split.train, iterations=1000).predict(split.test)
    loss, hits = log_loss(split.test, chances), hit_rate(split.test, chances)
    assert (loss.tasks, loss.respondents) == (722, 361)
    assert loss.value <= 0.80
    assert hits.value >= 0.67
