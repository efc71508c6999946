"""How many respondents it takes: to detect a coefficient, and to know a share to within so many points.

Analytic, from the information that a respondent's answers to the design carry (de Bekker-Grob, Donkers, Jonker & Stolk
2015); beside it the rule of thumb of the trade (Orme 2010).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import special

from marketfit.demand.arrays import FloatArray
from marketfit.demand.coding.coding import Offer
from marketfit.demand.designs.coded import Rows
from marketfit.demand.designs.design import ChoiceDesign
from marketfit.demand.designs.efficiency import check_identified, per_respondent, variances
from marketfit.demand.designs.prior import Prior
from marketfit.demand.designs.space import DesignSpace
from marketfit.demand.market.offers import code_offers
from marketfit.errors import DataError, Problem, nearest

RULE_OF_THUMB = 500
"""Orme's n · t · a / c ≥ 500: tasks t, alternatives a, the most levels c of an attribute."""
ENDS = (0.1, 0.9)  # of the prior's draws, between which `low` and `high` lie


@dataclass(frozen=True)
class Needed:
    """Respondents needed; low and high are for the draws of the prior at 10 % and 90 %: how sure that number is."""

    respondents: int
    low: int
    high: int


@dataclass(frozen=True)
class SampleSize:
    """Respondents needed to detect effects.

    needed: column → for its effect alone. respondents: for all of them. rule_of_thumb: Orme's, which knows neither
    the effects nor the design. power, alpha: chance to find a true effect, and (two-sided) to find one that is not.
    """

    needed: Mapping[str, Needed]
    effects: Mapping[str, float]
    power: float
    alpha: float
    rule_of_thumb: int

    @property
    def respondents(self) -> int:
        """Enough for every effect asked for."""
        return max(needed.respondents for needed in self.needed.values())


@dataclass(frozen=True)
class ShareSampleSize:
    """Respondents needed until the interval of a share is within ± margin. share: that the prior expects."""

    needed: Needed
    share: float
    margin: float
    level: float
    rule_of_thumb: int


def sample_size(
    design: ChoiceDesign,
    prior: Prior,
    *,
    effects: Mapping[str, float] | None = None,
    power: float = 0.8,
    alpha: float = 0.05,
    design_effect: float = 1.0,
) -> SampleSize:
    """Respondents needed so that a two-sided Wald test at `alpha` detects each effect with the chance `power`.

    n = (z_{1−α/2} + z_power)² · variance of one respondent / effect² (de Bekker-Grob et al. 2015), the variance being
    its mean over the prior's draws. effects: column → size to detect, in utility per unit (default: the prior's means
    that are not 0). design_effect: clustered over classical variance, as a pilot shows it: answers of one person
    resemble each other, and the logit's information takes them as independent.

    Raises DataError for unknown columns, effects of 0, and designs that cannot tell the coefficients apart.
    """
    columns = prior.coding.columns
    if effects is None:
        named = zip(columns, prior.mean.tolist(), strict=True)
        effects = {name: mean for name, mean in named if mean != 0}
    problems = _level_problems({"power": power, "alpha": alpha}, design_effect)
    problems += [
        Problem(f"effects['{name}']", "no such column", nearest(name, columns), "rename it")
        for name in effects
        if name not in columns
    ]
    problems += [
        Problem(f"effects['{name}']", f"is {effect:g}", "a finite number other than 0", "say what is to be detected")
        for name, effect in effects.items()
        if effect == 0 or not math.isfinite(effect)
    ]
    if not effects:
        do = "give effects: column → size to detect, or a prior with means"
        problems.append(Problem("effects", "there are none", "at least one", do))
    if problems:
        raise DataError(problems)
    single = variances(_information(design, prior)) * design_effect
    factor = float(special.ndtri(1 - alpha / 2) + special.ndtri(power)) ** 2
    return SampleSize(
        needed={name: _needed(factor * single[:, columns.index(name)] / effect**2) for name, effect in effects.items()},
        effects=dict(effects),
        power=power,
        alpha=alpha,
        rule_of_thumb=rule_of_thumb(design.space),
    )


def share_sample_size(
    design: ChoiceDesign,
    prior: Prior,
    offers: Mapping[str, Offer],
    *,
    offer: str,
    margin: float = 0.05,
    level: float = 0.95,
    design_effect: float = 1.0,
    tastes_differ: bool = False,
) -> ShareSampleSize:
    """Respondents needed until the interval of an offer's share, at `level`, is within ± `margin` (0.05: 5 points).

    The share's variance by the delta method, averaged over the prior's draws. offers: name → attributes; the none
    option takes part where the design has it. design_effect: as in `sample_size`. tastes_differ: whether the draws are
    people (a pilot's hierarchical or mixed model): then the sample's own composition adds its variance, Var(p)/n.

    Raises DataError for offers that cannot be coded, and designs that cannot tell the coefficients apart.
    """
    problems = _level_problems({"margin": margin, "level": level}, design_effect)
    if offer not in offers:
        problems.append(Problem(f"offer='{offer}'", "no such offer", nearest(offer, offers), "name one of the offers"))
    if problems:
        raise DataError(problems)
    coded, _ = code_offers(prior.coding, offers)
    if prior.coding.none is not None:
        coded = np.concatenate([coded, prior.coding.code_none()])
    ours = list(offers).index(offer)
    utilities = prior.draws @ coded.T
    chances = special.softmax(utilities, axis=1)
    gradients = chances[:, [ours]] * (coded[ours] - chances @ coded)
    solved = np.linalg.solve(_information(design, prior), gradients[..., None])[..., 0]
    single = (gradients * solved).sum(axis=1) * design_effect
    if tastes_differ:
        single = single + chances[:, ours].var()
    needed = _needed((float(special.ndtri((1 + level) / 2)) / margin) ** 2 * single)
    return ShareSampleSize(needed, float(chances[:, ours].mean()), margin, level, rule_of_thumb(design.space))


def rule_of_thumb(space: DesignSpace, *, pairs: bool = False) -> int:
    """Respondents by Orme's (2010) n · t · a / c ≥ 500.

    c is the most levels of an attribute; for interactions (`pairs`) the largest product of two attributes' levels.

    >>> rule_of_thumb(DesignSpace({"a": (1.0, 2.0, 3.0), "b": ("x", "y")}, tasks=10, alternatives=3))
    50
    """
    sizes = sorted(space.sizes)
    most = sizes[-1] * (sizes[-2] if len(sizes) > 1 else 1) if pairs else sizes[-1]
    return math.ceil(RULE_OF_THUMB * most / (space.tasks * space.alternatives))


def _information(design: ChoiceDesign, prior: Prior) -> FloatArray:
    rows = Rows.of(design.space, prior.coding)
    check_identified(design, rows)
    return per_respondent(design, rows, prior.draws)


def _needed(by_draw: FloatArray) -> Needed:
    low, high = np.quantile(by_draw, ENDS)
    return Needed(*(max(1, math.ceil(value)) for value in (float(by_draw.mean()), float(low), float(high))))


def _level_problems(shares: Mapping[str, float], design_effect: float) -> list[Problem]:
    problems = [
        Problem(name, f"is {value:g}", "between 0 and 1", "correct it")
        for name, value in shares.items()
        if not 0 < value < 1
    ]
    if not (math.isfinite(design_effect) and design_effect > 0):
        problems.append(Problem("design_effect", f"is {design_effect:g}", "a number above 0", "correct it"))
    return problems
