"""How utilities become choices: share of preference, first choice, randomised first choice."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import numpy as np
from scipy import special

from marketfit.demand.arrays import FloatArray
from marketfit.demand.choices.data import ChoiceData
from marketfit.demand.coding.coding import Coding
from marketfit.demand.coding.columns import NONE_COLUMN, indicator
from marketfit.demand.coding.terms import LevelsTerm, LinearTerm, PiecewiseTerm, Term
from marketfit.demand.market.availability import stratified
from marketfit.demand.market.offers import code_offers
from marketfit.demand.market.scene import Scene
from marketfit.demand.market.shares import Choosing
from marketfit.errors import DataError, Problem

LOGIT_VARIANCE = math.pi**2 / 6
"""Variance of the Gumbel error of each product in the logit."""


@dataclass(frozen=True)
class RandomisedFirstChoice:
    """First choice after errors of two kinds (Orme & Huber 2000): what products share errs alike.

    attribute_variance: of the normal error on each part-worth, the same for all products that have the level. Numbers
        have an error at each knot, and in between the mixture of its neighbours'.
    product_variance: of the Gumbel error of each product; π²/6 with no attribute error is the logit, 0 with no
        attribute error is first choice. Each person's choices over this error are summed exactly, so that only
        attribute errors are drawn.
    without: attributes that have no error, such as price: products that differ in nothing else then stay twins,
        whatever the distance of their prices.
    points: attribute errors drawn for each draw of utilities, spread over its people; every draw has the same ones.

    >>> RandomisedFirstChoice(attribute_variance=0.3, product_variance=0.0).product_variance
    0.0
    """

    attribute_variance: float
    product_variance: float
    without: tuple[str, ...] = ()
    points: int = 512

    def __post_init__(self) -> None:
        variances = (self.attribute_variance, self.product_variance)
        if not all(math.isfinite(value) and value >= 0 for value in variances) or self.points < 1:
            found = f"variances {variances[0]:g} and {variances[1]:g}, {self.points} points"
            allowed = "finite variances of at least 0, at least 1 point"
            raise DataError([Problem("randomised first choice", found, allowed, "correct them")])

    @classmethod
    def splitting_logit(
        cls, coding: Coding, *, attribute_part: float = 0.5, without: tuple[str, ...] = ()
    ) -> RandomisedFirstChoice:
        """Variances that leave the market as decided as the model says it is.

        The logit's error variance, π²/3 between two products, is split: `attribute_part` of it comes from attributes
        for two products whose levels (or knots) were drawn at random, the rest from products. With 0 this is the
        logit itself. One half is a compromise of ours; choices among similar products are what can tell.
        """
        if not 0 <= attribute_part <= 1:
            found = f"is {attribute_part:g}"
            raise DataError([Problem("attribute_part", found, "a share, 0 to 1", "correct it")])
        distance = sum(2 * (1 - 1 / _level_count(term)) for term in coding.terms if term.attribute not in without)
        attribute_part = attribute_part if distance else 0.0
        attribute = attribute_part * 2 * LOGIT_VARIANCE / distance if distance else 0.0
        return cls(attribute, (1 - attribute_part) * LOGIT_VARIANCE, without)


Rule: TypeAlias = Literal["preference", "first-choice", "randomised"] | RandomisedFirstChoice
"""How people choose. preference: with the logit's probabilities. first-choice: what they like best; ties are shared.
randomised: `RandomisedFirstChoice.splitting_logit` of the model's coding, or variances that are given."""

RULES = ("preference", "first-choice", "randomised")


def choosing_of(rule: Rule, scene: Scene, coding: Coding, *, people: int, seed: int) -> Choosing:
    """What the kernel needs for a rule. seed: the same gives the same attribute errors, whatever the offers."""
    if isinstance(rule, str) and rule not in RULES:
        allowed = ", ".join(f"'{name}'" for name in RULES) + ", or RandomisedFirstChoice(…)"
        raise DataError([Problem("rule", f"is {rule!r}", allowed, "use one of these")])
    if rule == "preference":
        return Choosing(scene.constants, scene.sets)
    if rule == "first-choice":
        return Choosing(scene.constants, scene.sets, spread=0.0)
    errors = RandomisedFirstChoice.splitting_logit(coding) if isinstance(rule, str) else rule
    drawn = _attribute_errors(errors, coding, scene, people=people, seed=seed)
    return Choosing(scene.constants, scene.sets, drawn, spread=math.sqrt(errors.product_variance / LOGIT_VARIANCE))


def _attribute_errors(
    rule: RandomisedFirstChoice, coding: Coding, scene: Scene, *, people: int, seed: int
) -> FloatArray | None:
    """(repeats, offers, people) normal errors, equal where offers have the same levels; stratified by level."""
    unknown = [name for name in rule.without if name not in coding.attributes]
    if unknown:
        allowed = f"allowed: {', '.join(coding.attributes)}"
        raise DataError([Problem(f"without '{name}'", "no such attribute", allowed, "rename it") for name in unknown])
    if rule.attribute_variance == 0:
        return None
    levels = level_matrix(coding, scene, without=rule.without)
    repeats = math.ceil(rule.points / people)
    uniform = stratified(np.random.default_rng(seed), (repeats * people, levels.shape[1]))
    normal = special.ndtri(uniform) * math.sqrt(rule.attribute_variance)
    errors = (levels @ normal.T).reshape(levels.shape[0], repeats, people)
    # Double precision, or twins would not tie in first choice.
    return np.ascontiguousarray(errors.swapaxes(0, 1))


def level_matrix(coding: Coding, rows: ChoiceData | Scene, *, without: tuple[str, ...] = ()) -> FloatArray:
    """(rows, levels) how much of each level or knot a row has: 1 for a level, the mixture of two between knots.

    Levels are what an alternative or offer is, however the model values it: interactions and splits add none. An
    attribute that is split by some alternatives plays no part in the others: they have no level of it.
    Alternatives with constants are levels too. The none option has no level.
    """
    # Columns of attributes as they are, and one indicator per alternative.
    plain = replace(coding, splits=(), interactions=(), covariates=(), constants=coding.alternatives, base=None)
    designs = plain.design(rows).matrix if isinstance(rows, ChoiceData) else _of_scene(plain, rows)
    # By what they are made of: an attribute may be called like a constant that the model itself does not have.
    place = {column.factors[0]: index for index, column in enumerate(plain.listed)}
    counted = {split.attribute: split.alternatives for split in coding.splits}
    parts = [np.zeros((designs.shape[0], 0))]
    for term in coding.terms:
        if term.attribute in without:
            continue
        block = designs[:, [place[name] for name in term.columns]]
        levels = _with_base(block) if isinstance(term, LevelsTerm) else _between_knots(term, block)
        if term.attribute in counted:
            named = [place[indicator(name)] for name in counted[term.attribute]]
            levels = levels * designs[:, named].sum(axis=1, keepdims=True)
        parts.append(levels)
    if coding.constants:
        parts.append(_with_base(designs[:, [place[indicator(name)] for name in coding.constants]]))
    matrix: FloatArray = np.concatenate(parts, axis=1)
    if coding.none is not None:
        matrix[designs[:, place[NONE_COLUMN]] == 1] = 0.0
    return matrix


def _of_scene(coding: Coding, scene: Scene) -> FloatArray:
    designs, _ = code_offers(coding, scene.offers)
    return designs if len(scene.offers) == len(scene.names) else np.concatenate([designs, coding.code_none()])


def _with_base(dummies: FloatArray) -> FloatArray:
    return np.concatenate([dummies, 1 - dummies.sum(axis=1, keepdims=True)], axis=1)


def _between_knots(term: LinearTerm | PiecewiseTerm, block: FloatArray) -> FloatArray:
    knots = np.array(_knots(term))
    lengths = np.diff(knots)
    above = block - knots[0] if isinstance(term, LinearTerm) else block
    passed = np.divide(above, lengths, out=np.zeros_like(above), where=lengths > 0)
    # From 1 at the first knot: each segment hands over to its upper knot what has been passed of it.
    return np.asarray(np.pad(passed, ((0, 0), (1, 0)), constant_values=1.0) - np.pad(passed, ((0, 0), (0, 1))))


def _knots(term: LinearTerm | PiecewiseTerm) -> tuple[float, ...]:
    return (term.low, term.high) if isinstance(term, LinearTerm) else term.knots


def _level_count(term: Term) -> int:
    return len(term.levels) if isinstance(term, LevelsTerm) else len(_knots(term))
