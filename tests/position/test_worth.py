"""The goal at an offer: what is measured enters utility as the survey coded it."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np
import pytest

from marketfit.brief import load_brief
from marketfit.demand import Coding, UtilityDraws
from marketfit.demand.coding.terms import LevelsTerm, LinearTerm, PiecewiseTerm
from marketfit.measure.tastes import DRAWS
from marketfit.position.draws import Draws
from marketfit.position.offers import OwnOffer
from marketfit.position.worth import Market
from marketfit.records.variants import Variant


class Shop(Protocol):
    """The maker of records of conftest.py."""

    def variant(self, name: str, *, wrong: range = ...) -> Variant: ...


EXAMPLE = Path(__file__).parents[2] / "examples" / "home-assistant"


@pytest.mark.parametrize("crossed", [(), (("accuracy", "privacy"), ("accuracy", "latency_ms"))])
def test_measurement_error_passes_through_interactions(shop: Shop, crossed: tuple[tuple[str, str], ...]) -> None:
    variant = shop.variant("v", wrong=range(60))
    terms = (
        LinearTerm("accuracy", 0.5, 1.0),
        PiecewiseTerm("latency_ms", (1.0, 4.0, 20.0)),
        LevelsTerm("privacy", ("cloud", "on-device"), "cloud"),
        LinearTerm("price", 1.0, 9.0),
    )
    coding = Coding(terms, (), None, None, "alternative", interactions=crossed)
    rng = np.random.default_rng(0)
    values = rng.normal(size=(DRAWS, 2, len(coding.columns)))
    brief = load_brief(EXAMPLE / "brief.yaml")
    market = Market("utility", brief.market, "ours", UtilityDraws(values, coding, 50), (), np.zeros((DRAWS, 2, 0)))
    drawn = {"accuracy": rng.uniform(0.8, 1.0, DRAWS), "latency_p95_ms": rng.uniform(2.0, 9.0, DRAWS)}
    settings: dict[str, float | str] = {"privacy": "on-device", "price": 4.0}
    metrics = Draws({("v", name): found for name, found in drawn.items()})
    found = market.worth(variant, OwnOffer(settings, 4.0, ""), metrics)
    assert found is not None
    for draw in (0, 7, DRAWS - 1):
        own = {"accuracy": drawn["accuracy"][draw], "latency_ms": drawn["latency_p95_ms"][draw]}
        row = coding.code({**settings, **own}).matrix[0]
        assert found.draws[draw] == pytest.approx((values[draw] @ row).mean())
