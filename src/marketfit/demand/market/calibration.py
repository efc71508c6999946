"""Calibration to known shares: constants of offers, and a scale, that make the simulated market the known one."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from marketfit.demand.arrays import BoolArray, FloatArray, Rng
from marketfit.demand.market.moments import share_moments
from marketfit.demand.market.offers import Offers, named_offers
from marketfit.demand.market.rules import LOGIT_VARIANCE, RandomisedFirstChoice, Rule, choosing_of
from marketfit.demand.market.scene import Adjustments, MarketSource, Scene, draw_demand, market_of, scene_of
from marketfit.demand.market.shares import Choosing, share_draws
from marketfit.demand.models.utilities import DRAWS, UtilityDraws
from marketfit.errors import DataError, Problem, nearest

TOLERANCE = 1e-9  # of the logarithm of a share: the search ends
ENOUGH = 1e-6  # the shares are hit
MOST_STEPS = 200
CONTRACTIONS = 3  # first steps, before Newton's
MOST_HALVINGS = 8
SCALES = (0.02, 50.0)


def calibrate(
    source: MarketSource,
    offers: Offers,
    *,
    known: Mapping[str, float],
    scale: float | Literal["fit"] = 1.0,
    rule: Rule = "preference",
    none: bool | None = None,
    draws: int = DRAWS,
    rng: Rng = 0,
) -> Adjustments:
    """Find constants of offers so that simulated shares (means over draws) equal the known ones.

    By the contraction of Berry, Levinsohn & Pakes (1995), δ ← δ + log known − log simulated, which comes near from
    anywhere, and Newton's method on the same equations, which is quick from there. There is exactly one solution
    (Berry 1994). Constants are in utility, after the scale. Offers whose share is not known keep 0; where all are
    known, none keeps 0, or, without it, constants average 0. A large constant says that the model alone is far from the
    market.

    known: offer → share of all who choose, none included where it takes part; any of the offers, and none.
    scale: factor on the model's utilities; "fit" takes the one whose shares without constants are nearest to the known
        ones (least Kullback–Leibler divergence), so that constants have least to do.
    rule: the one that is simulated with later; first choice has no constants that can be found smoothly.
    none: whether people may take nothing. draws, rng: as for `simulate`, which hits the shares exactly with the same
        ones. Adjustments that the market had before are replaced.

    Raises DataError with every share that cannot be.

    >>> from marketfit.demand import Coding, Market, UtilityDraws, calibrate, simulate
    >>> from marketfit.demand.coding.terms import LinearTerm
    >>> draws = UtilityDraws([[-1.0]], Coding((LinearTerm("price", 1.0, 3.0),), (), None, None, "alternative"), 100)
    >>> offers = {"ours": {"price": 2.0}, "theirs": {"price": 2.0}}
    >>> adjustments = calibrate(draws, offers, known={"ours": 0.8})
    >>> adjustments.constants  # log 4
    {'ours': 1.3863}
    >>> simulate(Market(draws, adjustments=adjustments), offers).mean["ours"]
    0.8000
    """
    offers = named_offers(offers, market_of(source).coding)
    bare = replace(market_of(source), adjustments=Adjustments())
    scene = scene_of(bare, offers, none=none)
    _check(known, scene, rule, scale)
    generator = np.random.default_rng(rng)
    drawn = draw_demand(bare, draws=draws, rng=generator)
    target = _Target(scene, drawn, rule, known, int(generator.integers(2**32)))
    factor = _fitted_scale(target) if scale == "fit" else float(scale)
    constants = target.anchored(_solve(target, factor))
    return Adjustments(
        constants={name: float(constants[index]) for index, name in enumerate(scene.names) if name in known},
        scale=factor,
        known=dict(known),
        sample_size=drawn.sample_size,
    )


@dataclass(frozen=True, eq=False)
class _Target:
    """The market to calibrate and what is known of it."""

    scene: Scene
    drawn: UtilityDraws
    rule: Rule
    known: Mapping[str, float]
    seed: int

    @property
    def is_known(self) -> BoolArray:
        return np.array([name in self.known for name in self.scene.names])

    @property
    def pace(self) -> float:
        """How far a plain step may go for the gap in log shares: the scale of the Gumbel error, at most 1."""
        if not isinstance(self.rule, RandomisedFirstChoice):
            return 1.0
        return min(1.0, math.sqrt(self.rule.product_variance / LOGIT_VARIANCE))

    def prepared(self, constants: FloatArray, scale: float) -> tuple[UtilityDraws, Choosing]:
        """Scaled utilities, and how people choose with these constants."""
        scene = replace(self.scene, constants=constants)
        drawn = replace(self.drawn, values=self.drawn.values * scale)
        return drawn, choosing_of(self.rule, scene, drawn.coding, people=drawn.values.shape[1], seed=self.seed)

    def shares(self, scale: float) -> FloatArray:
        """(offers,) without constants."""
        shares = share_draws(self.scene.designs, *self.prepared(np.zeros(len(self.scene.names)), scale))
        mean: FloatArray = shares.mean(axis=0, dtype=np.float64)
        return mean

    def gap(self, constants: FloatArray, scale: float) -> tuple[FloatArray, FloatArray]:
        """(known,) log known − log simulated, and (known, known) the derivatives of log simulated by constants."""
        drawn, choosing = self.prepared(constants, scale)
        places = np.flatnonzero(self.is_known)
        shares, joint = share_moments(self.scene.designs, drawn, choosing, places)
        goal = np.array([self.known[name] for name in self.scene.names if name in self.known])
        with np.errstate(divide="ignore", invalid="ignore"):
            slopes = (np.diag(shares[places]) - joint[places]) / shares[places, None] / choosing.spread
            return np.log(goal) - np.log(shares[places]), slopes

    def divergence(self, scale: float) -> float:
        """Kullback–Leibler divergence of the shares without constants from the known ones, the unknown taken as one."""
        shares, known = self.shares(scale), self.is_known
        goal = np.array([self.known[name] for name in self.scene.names if name in self.known])
        if not known.all():
            goal = np.append(goal, 1 - goal.sum())
            shares = np.append(shares[known], shares[~known].sum())
        return float((goal * np.log(goal / np.maximum(shares, 1e-300))).sum())

    def anchored(self, constants: FloatArray) -> FloatArray:
        """The same shares with none at 0 or, where nobody may take none, an average of 0, if everything is known."""
        if not self.is_known.all():
            return constants
        none = self.scene.names[-1] == self.drawn.coding.none
        return np.asarray(constants - (constants[-1] if none else constants.mean()))


def _fitted_scale(target: _Target) -> float:
    from scipy import optimize

    def divergence(power: float) -> float:
        return target.divergence(math.exp(power))

    low, high = (math.log(end) for end in SCALES)
    return math.exp(float(optimize.minimize_scalar(divergence, bounds=(low, high), method="bounded").x))


def _solve(target: _Target, scale: float) -> FloatArray:
    """Constants (offers,) at which the gap is 0.

    A Newton step is halved until the gap shrinks, which it does at some length; where that would be too short a step,
    a plain one is taken instead.
    """
    known = target.is_known
    constants = np.zeros(known.size)
    gap, slopes = target.gap(constants, scale)
    for step in range(MOST_STEPS):
        if not np.isfinite(gap).all() or np.abs(gap).max() < TOLERANCE:
            break
        plain = target.pace * gap
        moves = [plain]
        if step >= CONTRACTIONS:
            newton = np.linalg.lstsq(slopes, gap, rcond=1e-12)[0]
            moves = [*(newton / 2**halving for halving in range(MOST_HALVINGS)), plain]
        for move in moves:
            trial = constants.copy()
            trial[known] += move
            reached, turned = target.gap(trial, scale)
            if np.linalg.norm(reached) < np.linalg.norm(gap):
                break
        constants, gap, slopes = trial, reached, turned
    if np.abs(gap).max() < ENOUGH:
        return constants
    worst = int(np.abs(gap).argmax())
    name = [name for name in target.scene.names if name in target.known][worst]
    found = f"that of '{name}' stays {100 * math.expm1(min(abs(float(gap[worst])), 99.0)):.2g} % off"
    do = "check them against the availabilities; a randomised rule may need more product variance or more draws"
    raise DataError([Problem("known shares", found, "shares that the market can have", do)])


def _check(known: Mapping[str, float], scene: Scene, rule: Rule, scale: float | str) -> None:
    problems = [
        Problem(f"known share of '{name}'", "no such offer", nearest(name, scene.names), "name one that takes part")
        for name in known
        if name not in scene.names
    ]
    problems += [
        Problem(
            f"known share of '{name}'", f"is {share:g}", "between 0 and 1", "leave out what nobody or everybody takes"
        )
        for name, share in known.items()
        if not 0 < share < 1
    ]
    total = sum(known.values())
    everything = set(known) >= set(scene.names)
    if not known:
        problems.append(Problem("known", "is empty", "the share of at least one offer", "say what is known"))
    elif everything and abs(total - 1) > 1e-6:
        problems.append(Problem("known", f"shares of everything sum to {total:.6g}", "1", "rescale them"))
    elif not everything and total >= 1:
        found = f"shares sum to {total:.6g}, and other offers take part"
        problems.append(Problem("known", found, "below 1", "leave a share to the others"))
    if rule == "first-choice":
        problems.append(
            Problem("rule", "is 'first-choice'", "'preference' or 'randomised'", "calibrate with one of them")
        )
    if scale != "fit" and not (isinstance(scale, (int, float)) and math.isfinite(scale) and scale > 0):
        problems.append(Problem("scale", f"is {scale!r}", "a finite number above 0, or 'fit'", "correct it"))
    if problems:
        raise DataError(problems)
