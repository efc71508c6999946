"""What if an offer changed: shares before and after on the same draws, and whose customers they are."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from marketfit.demand.arrays import BoolArray, FloatArray, Rng, SingleArray, frozen
from marketfit.demand.coding.coding import Offer
from marketfit.demand.coding.terms import Value
from marketfit.demand.intervals import Estimate, check_level, estimate, interval
from marketfit.demand.market.offers import Offers, named_offers
from marketfit.demand.market.rules import Rule
from marketfit.demand.market.scene import MarketSource, Scene, draw_demand, market_of, scene_of
from marketfit.demand.market.simulate import Shares, simulate_scene
from marketfit.demand.printing import Printed, extrapolated_lines, level_heads, percent, share_cells, table_rows
from marketfit.errors import DataError, Problem, nearest


@dataclass(frozen=True)
class Change:
    """One attribute of one offer takes another value."""

    offer: str
    attribute: str
    value: Value


@dataclass(frozen=True)
class VolumeSource:
    """What an offer that stays as it is contributes to the gain of those that change (or takes of their loss).

    lost: share that it loses; below 0 where it gains.
    part: of all that the changed offers gain; it has no interval where the interval of the gain includes 0.
    fair_part: what its part would be if everybody lost in proportion to their share before, as in a plain logit: a
    higher part says that it is the closer substitute.
    """

    lost: Estimate
    part: Estimate
    fair_part: float


@dataclass(frozen=True, eq=False, repr=False)
class WhatIf(Printed):
    """Shares before and after a change, paired: draw d is the same people before and after.

    difference, difference_low, difference_high: (offers,) after − before, mean over draws and ends of the interval at
    `level` of the difference itself, in the order of `before.offers`; NaN with too few draws.
    difference_draws: (draws, offers). sources: unchanged offer → where the change's volume comes from.
    own: share won by all of `ours` together. cannibalised: part of the changed offers' gain that comes from others of
    `ours`. Both are None where no offers were called ours.
    sample_size: people behind the fit.
    """

    before: Shares
    after: Shares
    difference: FloatArray
    difference_low: FloatArray
    difference_high: FloatArray
    difference_draws: SingleArray
    sources: Mapping[str, VolumeSource]
    own: Estimate | None
    cannibalised: Estimate | None
    level: float
    sample_size: int

    def __str__(self) -> str:
        ends = (self.difference, self.difference_low, self.difference_high)
        rows = [
            (name, percent(before), percent(after), *share_cells(*told))
            for name, before, after, told in zip(
                self.before.offers,
                self.before.share.tolist(),
                self.after.share.tolist(),
                zip(*(end.tolist() for end in ends), strict=True),
                strict=True,
            )
        ]
        lines = table_rows(("offer", "before, %", "after, %", "change", *level_heads(self.level)), rows)
        if self.own is not None and self.cannibalised is not None:
            lines.append(
                f"ours together: {percent(self.own.value)}; from our own: {percent(self.cannibalised.value)} %"
            )
        head = f"Shares before and after, n = {self.sample_size}, {self.before.draws} draws"
        return "\n".join([head, *lines, *extrapolated_lines(self.after.extrapolated)])


def what_if(
    source: MarketSource,
    offers: Offers,
    *,
    changes: Sequence[Change],
    ours: Collection[str] = (),
    rule: Rule = "preference",
    none: bool | None = None,
    level: float = 0.95,
    rng: Rng = 0,
) -> WhatIf:
    """Shares before and after changes to offers, with intervals of the difference on the same draws.

    Both simulations have the same people, consideration sets and errors, so that what is left is the change.
    source, rule, none, level, rng: as for `simulate`. changes: any number, also to several offers.
    ours: offers of one firm, to learn what it gains as a whole and what its offers take from each other.

    Raises DataError with everything that is wrong with offers and changes.
    """
    check_level(level)
    offers = named_offers(offers, market_of(source).coding)
    before, after = _scenes(source, offers, changes, ours, none)
    generator = np.random.default_rng(rng)
    drawn = draw_demand(source, rng=generator)
    seed = int(generator.integers(2**32))
    old, new = (simulate_scene(scene, drawn, rule=rule, seed=seed, level=level) for scene in (before, after))
    differences = new.share_draws - old.share_draws
    low, high = interval(differences, level)
    changed = np.array([name in {change.offer for change in changes} for name in old.offers])
    own = np.array([name in set(ours) for name in old.offers])
    gain = differences[:, changed].sum(axis=1)
    return WhatIf(
        before=old,
        after=new,
        difference=frozen(differences.mean(axis=0, dtype=np.float64)),
        difference_low=frozen(low),
        difference_high=frozen(high),
        difference_draws=frozen(differences),
        sources={
            name: _source(index, differences, gain, fair, level)
            for index, (name, fair) in enumerate(zip(old.offers, _fair(old.share, changed), strict=True))
            if not changed[index]
        },
        own=estimate(differences[:, own].sum(axis=1), level) if ours else None,
        cannibalised=_part(-differences[:, own & ~changed].sum(axis=1), gain, level) if ours else None,
        level=level,
        sample_size=drawn.sample_size,
    )


def _source(index: int, differences: SingleArray, gain: SingleArray, fair: float, level: float) -> VolumeSource:
    lost = -differences[:, index]
    return VolumeSource(estimate(lost, level), _part(lost, gain, level), fair)


def _fair(share: FloatArray, changed: BoolArray) -> list[float]:
    rest = np.where(changed, 0.0, share)
    total = float(rest.sum())
    return (rest / total if total > 0 else np.full(share.size, math.nan)).tolist()


def _part(lost: SingleArray, gain: SingleArray, level: float) -> Estimate:
    """The part of the gain that was lost elsewhere: ratio of means, and the interval of the ratio if it has one."""
    whole = estimate(gain, level)
    part = float(lost.mean(dtype=np.float64)) / whole.value if whole.value else math.nan
    if not whole.low * whole.high > 0:
        return Estimate(part, math.nan, math.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = np.nan_to_num(lost / gain, nan=0.0)
    spread = estimate(ratios, level)
    return Estimate(part, spread.low, spread.high)


def _scenes(
    source: MarketSource,
    offers: Mapping[str, Offer],
    changes: Sequence[Change],
    ours: Collection[str],
    none: bool | None,
) -> tuple[Scene, Scene]:
    """Offers before and after, coded; problems of both and of the changes are told together."""
    problems: list[Problem] = []
    altered = {name: dict(offer) for name, offer in offers.items()}
    done = set()
    for change in changes:
        where = f"change of '{change.attribute}' of '{change.offer}'"
        if change.offer not in offers:
            problems.append(Problem(where, "no such offer", nearest(change.offer, offers), "name one of the offers"))
        elif (change.offer, change.attribute) in done:
            problems.append(Problem(where, "is given twice", "one value", "drop one"))
        else:
            altered[change.offer][change.attribute] = change.value
        done.add((change.offer, change.attribute))
    if not changes:
        problems.append(
            Problem("changes", "are none", "at least one", "say what changes: Change(offer, attribute, value)")
        )
    problems += [
        Problem(f"ours: '{name}'", "no such offer", nearest(name, offers), "name one of the offers")
        for name in ours
        if name not in offers
    ]
    scenes = []
    for stage in (offers, altered):
        try:
            scenes.append(scene_of(source, stage, none=none))
        except DataError as error:
            problems += [problem for problem in error.problems if problem not in problems]
    if problems:
        raise DataError(problems)
    return scenes[0], scenes[1]
