"""Shares of offers that compete: what each would be chosen by, integrated over draws of what people want."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from marketfit.demand.arrays import FloatArray, Rng, SingleArray, frozen
from marketfit.demand.intervals import check_level, interval
from marketfit.demand.market.offers import Offers, named_offers
from marketfit.demand.market.rules import Rule, choosing_of
from marketfit.demand.market.scene import MarketSource, Scene, draw_demand, market_of, scene_of
from marketfit.demand.market.shares import share_draws
from marketfit.demand.models.utilities import DRAWS, UtilityDraws
from marketfit.demand.printing import Printed, extrapolated_lines, level_heads, share_cells, table_rows


@dataclass(frozen=True, eq=False, repr=False)
class Shares(Printed):
    """Shares of offers that compete with each other.

    offers: names, in the order given, the none option last where it takes part.
    share_draws: (draws, offers), each row sums to 1: integrate a decision over these. Read-only, single precision.
    share, low, high: (offers,) mean over draws and ends of the interval at `level`; NaN with too few draws for one.
    extrapolated: offer → attributes that were clamped to the tested range. sample_size: people behind the fit.
    """

    offers: tuple[str, ...]
    share_draws: SingleArray
    share: FloatArray
    low: FloatArray
    high: FloatArray
    level: float
    extrapolated: Mapping[str, tuple[str, ...]]
    sample_size: int

    @property
    def draws(self) -> int:
        """Number of draws."""
        return len(self.share_draws)

    @property
    def mean(self) -> dict[str, float]:
        """Offer → share."""
        return dict(zip(self.offers, self.share.tolist(), strict=True))

    def __str__(self) -> str:
        ends = zip(self.share.tolist(), self.low.tolist(), self.high.tolist(), strict=True)
        rows = [(name, *share_cells(*told)) for name, told in zip(self.offers, ends, strict=True)]
        table = table_rows(("offer", "share, %", *level_heads(self.level)), rows)
        head = f"Shares of {len(self.offers)} offers, n = {self.sample_size}, {self.draws} draws"
        return "\n".join([head, *table, *extrapolated_lines(self.extrapolated)])


def simulate(
    source: MarketSource,
    offers: Offers,
    *,
    rule: Rule = "preference",
    none: bool | None = None,
    draws: int = DRAWS,
    rng: Rng = 0,
    level: float = 0.95,
    scale: float = 1.0,
) -> Shares:
    """Share of each offer: the people of a draw choose by a rule, their weighted choices are the shares of that draw.

    source: a fitted model, draws of its coefficients (then `draws` plays no part), or a `Market` around either, which
        says who can get which offer and corrects to known shares.
    offers: name → attributes, and the alternative where the model has constants; a list or a table of them will do,
        here and wherever offers are asked for (see `Offers`).
    rule: share of preference (the logit's probabilities; Train 2009, chapter 2), first choice, or randomised first
        choice (Orme & Huber 2000), which does not overstate similar offers.
    none: whether people may take nothing (default: where the model knows the none option).
    rng: of the draws, and of the errors of randomised first choice.
    level: of the interval. scale: factor on all utilities.

    Raises DataError with everything that is wrong with the offers.
    """
    check_level(level)
    offers = named_offers(offers, market_of(source).coding)
    scene = scene_of(source, offers, none=none)
    generator = np.random.default_rng(rng)
    drawn = draw_demand(source, draws=draws, rng=generator, scale=scale)
    return simulate_scene(scene, drawn, rule=rule, seed=int(generator.integers(2**32)), level=level)


def simulate_scene(scene: Scene, drawn: UtilityDraws, *, rule: Rule, seed: int, level: float) -> Shares:
    """Shares of offers that are coded, for utilities that are drawn. seed: of the errors of randomised first choice."""
    choosing = choosing_of(rule, scene, drawn.coding, people=drawn.values.shape[1], seed=seed)
    shares = share_draws(scene.designs, drawn, choosing)
    low, high = interval(shares, level)
    return Shares(
        offers=scene.names,
        share_draws=frozen(shares),
        share=frozen(shares.mean(axis=0, dtype=np.float64)),
        low=frozen(low),
        high=frozen(high),
        level=level,
        extrapolated=scene.extrapolated,
        sample_size=drawn.sample_size,
    )
