"""What a variant is worth at an offer: by the choice model where there is a survey, else by its metrics alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from scipy.special import expit, logsumexp

from marketfit.brief import Brief, MarketSpec
from marketfit.contract import METRICS
from marketfit.demand import Coding, UtilityDraws
from marketfit.demand.coding.terms import LevelsTerm, LinearTerm, PiecewiseTerm
from marketfit.demand.market.offers import code_offers
from marketfit.engine import Run
from marketfit.errors import RunError
from marketfit.measure.tastes import DRAWS, draws_of
from marketfit.position.draws import Draws, FloatArray
from marketfit.position.offers import OwnOffer, fixed, own_offers
from marketfit.records.market import MarketView
from marketfit.records.variants import Variant

COST = "cost_per_1000"


@dataclass(frozen=True, eq=False)
class Worth:
    """The goal of one variant at one offer.

    expected: what is ranked. draws (DRAWS,): the goal under utility draws and measurement error, draw d being the same
    world for all variants and offers. share (DRAWS,): ours, where there is a survey. clamped: attribute → our value,
    where it lies beyond what the survey tested. overpriced: the price lies above all tested ones, so demand is held at
    the highest of them and profit is overstated.
    """

    expected: float
    draws: FloatArray
    share: FloatArray | None = None
    clamped: Mapping[str, float] = field(default_factory=dict)
    overpriced: bool = False


class Goal(Protocol):
    """What the decision maximises (`sign` 1) or minimises (`sign` −1)."""

    @property
    def name(self) -> str:
        """Share, profit, utility, weights, or the metric that is ranked by."""
        ...

    @property
    def sign(self) -> int:
        """1 or −1."""
        ...

    @property
    def offers(self) -> tuple[OwnOffer, ...]:
        """What may be offered."""
        ...

    @property
    def metrics(self) -> tuple[str, ...]:
        """The metrics that a variant must have measured to be ranked."""
        ...

    def worth(self, variant: Variant, offer: OwnOffer, metrics: Draws) -> Worth | None:
        """The goal of a variant at an offer; None where a metric that it needs was not measured."""
        ...

    def shares(self, variant: Variant, offer: OwnOffer, metrics: Draws) -> dict[str, float]:
        """Expected share of our offer, of each competitor and of none; empty without a survey."""
        ...


def goal_of(brief: Brief, market: MarketView, *, run: Run) -> Goal:
    """The brief's goal on the estimated demand curve, or, without a survey, its weights or its first requirement."""
    if market.choice is not None:
        return Market.of(brief, market, run=run)
    if brief.weights:
        return Metrics("weights", dict(brief.weights), 1, fixed(brief.market))
    first = brief.require[0].metric
    sign = 1 if METRICS[first].better == "higher" else -1
    return Metrics(first, {first: float(sign)}, sign, fixed(brief.market))


@dataclass(frozen=True)
class Metrics:
    """A weighted sum of metrics, each counted in its better direction; a single one is shown as it is measured."""

    name: str
    weights: Mapping[str, float]
    sign: int
    offer: OwnOffer

    @property
    def offers(self) -> tuple[OwnOffer, ...]:
        return (self.offer,)

    @property
    def metrics(self) -> tuple[str, ...]:
        return tuple(self.weights)

    def worth(self, variant: Variant, offer: OwnOffer, metrics: Draws) -> Worth | None:  # noqa: ARG002 - the protocol names it
        expected, drawn = 0.0, np.zeros(DRAWS)
        for metric, weight in self.weights.items():
            measured, values = variant.measured(metric), metrics.of(variant, metric)
            if measured is None or values is None:
                return None
            signed = weight if METRICS[metric].better == "higher" else -weight
            if self.name != "weights":
                signed = 1.0
            expected += signed * measured.value
            drawn += signed * values
        return Worth(expected, drawn)

    def shares(self, variant: Variant, offer: OwnOffer, metrics: Draws) -> dict[str, float]:  # noqa: ARG002 - the protocol names it
        return {}


@dataclass(frozen=True, eq=False)
class Market:
    """Share, profit or utility on the demand curve.

    utilities: draws of coefficients (DRAWS, people, columns). rivals (DRAWS, people, k): utilities of the competitors
    and, where the survey offered it, of buying nothing, in the order of `names`.
    """

    name: str
    spec: MarketSpec
    product: str
    utilities: UtilityDraws
    names: tuple[str, ...]
    rivals: FloatArray
    sign: int = 1

    @classmethod
    def of(cls, brief: Brief, market: MarketView, *, run: Run) -> Market:
        """Draw the utilities once, for all variants and offers."""
        if market.choice is None:
            raise RunError("there is no choice survey to draw utilities from")
        utilities = draws_of(market.choice, run.workspace)
        if len(utilities.values) != DRAWS:
            raise RunError(f"the choice study has {len(utilities.values)} draws of utilities, not {DRAWS}")
        coding, names = utilities.coding, [offer.name for offer in market.competitors]
        designs = np.zeros((0, len(coding.columns)))
        if names:
            designs, _ = code_offers(coding, {offer.name: offer.attributes for offer in market.competitors})
        if coding.none is not None:
            designs = np.concatenate([designs, coding.code_none()])
            names.append(coding.none)
        rivals = np.asarray(utilities.values @ designs.T)
        return cls(brief.market.goal, brief.market, brief.product, utilities, tuple(names), rivals)

    @property
    def offers(self) -> tuple[OwnOffer, ...]:
        return own_offers(self.spec)

    @property
    def metrics(self) -> tuple[str, ...]:
        measured = [spec.metric for spec in self.spec.attributes.values() if spec.metric]
        return tuple(dict.fromkeys([*measured, *([COST] if self._costs else [])]))

    @property
    def _costs(self) -> bool:
        return self.name == "profit" and self.spec.predictions_per_buyer > 0

    def worth(self, variant: Variant, offer: OwnOffer, metrics: Draws) -> Worth | None:
        if any(metrics.of(variant, metric) is None for metric in self.metrics):
            return None
        own, clamped = self._utility(variant, offer, metrics)
        share = self.utilities.average(self._won(own))
        draws = {"share": share, "utility": self.utilities.average(own)}.get(self.name)
        if draws is None:
            draws = self._profit(share, variant, offer, metrics)
        price = clamped.get(self.spec.price)
        overpriced = price is not None and price > tested(self.utilities.coding, self.spec.price)[1]
        return Worth(float(draws.mean()), draws, share, clamped, overpriced and self.name == "profit")

    def shares(self, variant: Variant, offer: OwnOffer, metrics: Draws) -> dict[str, float]:
        own, _ = self._utility(variant, offer, metrics)
        won = self._won(own)
        found = {self.product: float(self.utilities.average(won).mean())}
        if self.names:
            others = np.exp(self.rivals - logsumexp(self.rivals, axis=2, keepdims=True))
            lost = (1.0 - won)[:, :, None] * others
            found |= {
                name: float(self.utilities.average(lost[:, :, place]).mean()) for place, name in enumerate(self.names)
            }
        return found

    def _profit(self, share: FloatArray, variant: Variant, offer: OwnOffer, metrics: Draws) -> FloatArray:
        """Audience × share × margin a month; the margin is less the measured cost of a buyer's predictions."""
        if self.spec.audience is None or self.spec.unit_cost is None or offer.price is None:
            raise RunError("profit needs an audience, a unit cost and a price that is a number")
        cost = metrics.of(variant, COST) if self._costs else None
        served = 0.0 if cost is None else self.spec.predictions_per_buyer * cost / 1000.0
        return np.asarray(self.spec.audience * share * (offer.price - self.spec.unit_cost - served))

    def _won(self, own: FloatArray) -> FloatArray:
        """(DRAWS, people) probability that our offer is taken; 1 where nothing competes with it."""
        return np.asarray(expit(own - logsumexp(self.rivals, axis=2))) if self.names else np.ones_like(own)

    def _utility(self, variant: Variant, offer: OwnOffer, metrics: Draws) -> tuple[FloatArray, dict[str, float]]:
        """(DRAWS, people) utility of our offer, and the attributes that had to be clamped."""
        coding = self.utilities.coding
        measured = {name: _point(variant, spec.metric) for name, spec in self.spec.attributes.items() if spec.metric}
        attributes = {**offer.settings, **measured}
        coded = coding.code(attributes, where=f"our offer '{self.product}'")
        design = np.repeat(coded.matrix, DRAWS, axis=0)
        if measured:
            drawn = {name: self._draws(variant, name, metrics) for name in measured}
            design = coding.along(attributes, drawn, where=f"our offer '{self.product}'").matrix
        own = np.einsum("dc,dpc->dp", design, self.utilities.values)
        return own, {name: float(attributes[name]) for name in coded.extrapolated}

    def _draws(self, variant: Variant, name: str, metrics: Draws) -> FloatArray:
        """(DRAWS,) of an attribute that is measured."""
        values = metrics.of(variant, self.spec.attributes[name].metric or "")
        if values is None:
            raise RunError(f"{variant.name} has no draws of {name}")
        return values


def _point(variant: Variant, metric: str) -> float:
    found = variant.measured(metric)
    if found is None:
        raise RunError(f"{variant.name} has no measurement of {metric}")
    return found.value


def tested(coding: Coding, name: str) -> tuple[float, float]:
    """The range of a numeric attribute that the survey tested."""
    term = _numeric(coding, name)
    return (term.knots[0], term.knots[-1]) if isinstance(term, PiecewiseTerm) else (term.low, term.high)


def _numeric(coding: Coding, name: str) -> LinearTerm | PiecewiseTerm:
    term = next(term for term in coding.terms if term.attribute == name)
    if isinstance(term, LevelsTerm):
        raise RunError(f"the survey coded {name} by levels, but its values are numbers")
    return term
