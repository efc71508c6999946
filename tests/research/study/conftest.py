"""A market with tastes that are known exactly: price −1 a unit, a device worth 2."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from marketfit.brief import MarketSpec
from marketfit.demand import Coding, Market, UtilityDraws
from marketfit.demand.coding.terms import LevelsTerm, LinearTerm
from marketfit.research.study.stage import Stage

MARKET = {
    "goal": "profit",
    "audience": 1000,
    "unit_cost": 1.0,
    "simulated": True,
    "choices": __file__,
    "attributes": {
        "place": {"offer": ["cloud", "device"]},
        "price": {"offer": [2, 3, 4], "better": "lower"},
    },
}


@pytest.fixture
def make_stage() -> Callable[..., Stage]:
    """Our device at 3 against a cloud at 2; `spread` is that of the draws."""

    def make(*, spread: float = 0.02, price: float = 3.0, rivals: bool = True, **options: object) -> Stage:
        terms = (LevelsTerm("place", ("cloud", "device"), "cloud"), LinearTerm("price", 1.0, 6.0))
        coding = Coding(terms, (), None, "none", "alternative")
        rng = np.random.default_rng(0)
        values = np.array([2.0, -1.0, -2.0]) + spread * rng.normal(size=(400, 1, 3))
        drawn = UtilityDraws(values, coding, 120)
        offers = {"ours": {"place": "device", "price": price}}
        if rivals:
            offers["theirs"] = {"place": "cloud", "price": 2.0}
        market = MarketSpec.model_validate({**MARKET, **options})
        return Stage("ours", market, Market(drawn), drawn, offers, (), (2.0, 3.0, 4.0))

    return make
