"""Share of preference among named offers (Train 2009, chapter 2), integrated over draws of the coefficients."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from marketfit.demand.arrays import FloatArray, Rng, SingleArray, frozen
from marketfit.demand.coding.coding import Coding, Design, Offer
from marketfit.demand.intervals import check_level, interval
from marketfit.demand.market.shares import share_draws
from marketfit.demand.models.utilities import DRAWS, UtilitySource, draw_utilities
from marketfit.errors import DataError, Problem


@dataclass(frozen=True, eq=False)
class Shares:
    """Shares of preference of offers that compete with each other.

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


def simulate(
    source: UtilitySource,
    offers: Mapping[str, Offer],
    *,
    none: bool | None = None,
    draws: int = DRAWS,
    rng: Rng = 0,
    level: float = 0.95,
    scale: float = 1.0,
) -> Shares:
    """Share of preference of each offer: softmax of utilities, averaged over draws.

    source: a fitted model, or draws of its coefficients (then `draws` and `rng` play no part).
    offers: name → attributes, and the alternative where the model has constants.
    none: whether people may take nothing (default: where the model knows the none option).
    level: of the interval. scale: factor on all utilities.

    Raises DataError with everything that is wrong with the offers.
    """
    check_level(level)
    designs, extrapolated = code_offers(source.coding, offers)
    names = list(offers)
    if source.coding.none is not None if none is None else none:
        designs = np.concatenate([designs, source.coding.code_none()])
        names.append(source.coding.none or "")
    drawn = draw_utilities(source, draws=draws, rng=rng, scale=scale)
    shares = share_draws(designs, drawn)
    low, high = interval(shares, level)
    return Shares(
        offers=tuple(names),
        share_draws=frozen(shares),
        share=frozen(shares.mean(axis=0, dtype=np.float64)),
        low=frozen(low),
        high=frozen(high),
        level=level,
        extrapolated=extrapolated,
        sample_size=drawn.sample_size,
    )


def code_offers(coding: Coding, offers: Mapping[str, Offer]) -> tuple[FloatArray, dict[str, tuple[str, ...]]]:
    """(offers, columns) designs, and the clamped attributes by offer. DataError has the problems of all offers."""
    problems: list[Problem] = []
    coded: dict[str, Design] = {}
    if not offers:
        problems.append(Problem("offers", "there are none", "at least one", "name an offer"))
    if coding.none in offers:
        do = "rename the offer; the none option takes part by none=True"
        problems.append(Problem(f"offer '{coding.none}'", "has the name of the none option", "another name", do))
    for name, offer in offers.items():
        try:
            coded[name] = coding.code(offer, where=f"offer '{name}'")
        except DataError as error:
            problems.extend(error.problems)
    if problems:
        raise DataError(problems)
    designs = np.concatenate([design.matrix for design in coded.values()])
    return designs, {name: design.extrapolated for name, design in coded.items() if design.extrapolated}
