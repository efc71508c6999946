"""Steps between levels, and segments that say what they would pay."""

from __future__ import annotations

import numpy as np
import pytest

from marketfit.demand import ChoiceData, Coding
from marketfit.demand.coding.terms import LevelsTerm, LinearTerm, PiecewiseTerm
from marketfit.research.choice_model import fit_choices
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


def test_each_segment_says_what_it_would_pay_though_the_price_bends(
    two_kinds: ChoiceData, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Four and five classes of two kinds of people crawl; tests/demand/test_latent_class.py looks for the right number.
    monkeypatch.setattr("marketfit.research.study.segments.CLASSES", (1, 2, 3))
    fitted = fit_choices(two_kinds, signs={"price": -1}, price="price", progress=lambda _: None)
    straight = fitted.straight_price
    finding, notes = segment_finding(
        two_kinds, straight.coding, straight.signs, None, price="price", simulated=False, seed=0,
        progress=lambda _: None,
    )  # fmt: skip
    assert finding is not None, notes
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
