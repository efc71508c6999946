"""Steps between levels, and segments that say what they would pay."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from marketfit.brief import MarketSpec, SurveyFile
from marketfit.demand import ChoiceData, Coding
from marketfit.demand.coding.terms import LevelsTerm, LinearTerm, PiecewiseTerm
from marketfit.records.findings import Finding
from marketfit.research.choice_model import fit_choices
from marketfit.research.study.people import read_people
from marketfit.research.study.segments import segment_finding
from marketfit.research.study.steps import steps_of


def test_steps_lead_where_people_like_it() -> None:
    terms = (
        PiecewiseTerm("accuracy", (0.8, 0.9, 1.0)),
        LinearTerm("latency", 2.0, 200.0),
        LevelsTerm("place", ("cloud", "device"), "cloud"),
    )
    steps = steps_of(Coding(terms, (), None, "none", "alternative"), {"latency": -1})
    assert [step.words for step in steps] == [
        "accuracy: 0.8 → 0.9", "accuracy: 0.9 → 1", "latency: 200 → 2", "place: cloud → device"
    ]  # fmt: skip
    assert [step.column for step in steps] == list(Coding(terms, (), None, None, "alternative").columns)
    assert steps[2].of(-0.01, -0.02, -0.005) == (pytest.approx(1.98), pytest.approx(0.99), pytest.approx(3.96))
    assert steps[0].of(0.0, 0.0, 0.0) == (0.0, None, None)
    assert steps[0].of(1.0, float("nan"), float("nan"))[1:] == (None, None)


@pytest.fixture(scope="module")
def two_kinds() -> ChoiceData:
    """Half mind the price, which bends for them; half want the device."""
    rng = np.random.default_rng(1)
    shape = (120, 12, 3)
    price, device = rng.choice([2.0, 4.0, 8.0], size=shape), rng.integers(2, size=shape)
    first = (np.arange(120) < 60)[:, None, None]
    worth = np.where(first, -1.0 * price - 2.0 * (price > 4), -0.3 * price) + np.where(first, 0.3, 3.0) * device
    utility = worth + rng.gumbel(size=shape)
    person, task, product = (index.ravel() for index in np.indices(shape))
    table = {
        "person": person, "task": task, "product": product, "price": price.ravel(),
        "place": np.where(device.ravel() == 1, "device", "cloud"),
        "won": (utility == utility.max(axis=2, keepdims=True)).ravel(),
    }  # fmt: skip
    return ChoiceData.from_table(
        table, respondent="person", task="task", alternative="product", chosen="won", attributes=["place", "price"]
    )


@pytest.fixture(scope="module")
def finding(two_kinds: ChoiceData, tmp_path_factory: pytest.TempPathFactory) -> Finding:
    """Segments of people of whom it is known how old they are, what they chose to pay, and when they answered."""
    rng = np.random.default_rng(2)
    path = tmp_path_factory.mktemp("people") / "respondents.csv"
    age = np.where(np.arange(120) < 60, rng.normal(30, 6, 120), rng.normal(50, 6, 120)).round().astype(int)
    rows = [f"{n},2026-11-30T00:59:{n % 60:02d}Z,{10 + n},{age[n]},{'pro' if n < 60 else 'free'}" for n in range(120)]
    path.write_text("respondent,started,answered,age,plan\n" + "\n".join(rows) + "\n", "utf-8")
    fitted = fit_choices(two_kinds, signs={"price": -1}, price="price", progress=lambda _: None)
    straight = fitted.straight_price
    with pytest.MonkeyPatch.context() as patch:
        # Four and five classes of two kinds of people crawl; tests/demand/test_latent_class.py looks for the number.
        patch.setattr("marketfit.research.study.segments.CLASSES", (1, 2, 3))
        found, notes = segment_finding(
            two_kinds, straight, read_people(SurveyFile(source=path), MarketSpec()),
            price="price", simulated=False, seed=0, progress=lambda _: None,
        )  # fmt: skip
    assert found is not None, notes
    return found


def test_each_segment_says_what_it_would_pay_though_the_price_bends(finding: Finding) -> None:
    paid = next(one for one in finding.tables if one.title.startswith("What each segment would pay"))
    worth = {str(row[0]): row for row in paid.rows if row[1] == "place: cloud → device"}
    assert set(worth) == {"Segment 1", "Segment 2"}
    low, high = sorted(float(str(row[2])) for row in worth.values())
    assert low < 1.0
    assert 5.0 < high < 20.0  # 10 was planted
    for row in worth.values():
        assert isinstance(row[3], float)
        assert isinstance(row[4], float)
    assert sum(float(str(row[5])) for row in worth.values()) == pytest.approx(120, abs=1)
    assert finding.lead.startswith("2 segments: Segment 1, ")
    shares = finding.tables[0]
    assert sum(float(str(row[1])) for row in shares.rows) == pytest.approx(100, abs=0.2)


def test_numbers_known_of_people_are_means_and_words_are_levels(finding: Finding) -> None:
    who = next(one for one in finding.tables if one.title.startswith("Who is in them: what is commoner"))
    assert {str(row[1]).split(":")[0] for row in who.rows} == {"plan"}  # no "age: 45 is twice as common", no times
    numbers = next(one for one in finding.tables if one.title == "Who is in them, in numbers")
    assert [(row[0], row[1], row[8]) for row in numbers.rows] == [
        ("age", "Segment 1", "yes"),
        ("age", "Segment 2", "yes"),
        ("age", "everybody", "yes"),
    ]
    means = sorted(float(str(row[2])) for row in numbers.rows)
    assert means == pytest.approx([30, 40, 50], abs=3)
    for row in numbers.rows:
        mean, low, high, first, median, third = (float(str(cell)) for cell in row[2:8])
        assert low < mean < high
        assert first < median < third


def test_who_is_in_a_segment_is_weighted_and_many_people_are_sampled(
    two_kinds: ChoiceData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every second person is from town; a townsman counts a ninth of a villager."""
    monkeypatch.setattr("marketfit.research.study.segments.CLASSES", (2,))
    monkeypatch.setattr("marketfit.research.study.segments.MOST_FITTED", 80)
    path = tmp_path / "respondents.csv"
    # Of those who mind the price nine in ten are from town.
    town = np.where(np.arange(120) < 60, np.arange(120) % 10 > 0, np.arange(120) % 10 == 0)
    path.write_text(
        "respondent,home\n" + "".join(f"{n},{'town' if town[n] else 'land'}\n" for n in range(120)), "utf-8"
    )
    weighted = replace(two_kinds, weights=np.where(town, 0.2, 1.8)[two_kinds.respondent])
    straight = fit_choices(weighted, signs={"price": -1}, price="price", progress=lambda _: None).straight_price
    found, notes = segment_finding(
        weighted, straight, read_people(SurveyFile(source=path), MarketSpec()),
        price="price", simulated=False, seed=0, progress=lambda _: None,
    )  # fmt: skip
    assert found is not None, notes
    assert found.respondents == 80
    assert "Segments are of 80 of the 120 respondents, drawn at random." in found.notes
    who = next(one for one in found.tables if one.title.startswith("Who is in them: what is commoner"))
    among_all = {float(str(row[3])) for row in who.rows if row[1] == "home: town"}
    assert len(among_all) == 1
    assert 8.0 < among_all.pop() < 12.0  # 10 % of weights, 50 % of people
