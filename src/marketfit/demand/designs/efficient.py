"""Bayesian D-efficient designs: the smallest D-error, expected over a prior.

Sándor & Wedel 2001; Bliemer, Rose & Hess 2008; Kessels, Jones, Goos & Vandebroek 2009.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from marketfit.demand.arrays import Rng
from marketfit.demand.designs.balanced import balanced_codes
from marketfit.demand.designs.coded import Rows
from marketfit.demand.designs.design import ChoiceDesign
from marketfit.demand.designs.efficiency import check_identified, check_room
from marketfit.demand.designs.exchange import Exchange
from marketfit.demand.designs.places import even_places
from marketfit.demand.designs.prior import Prior, vague_prior
from marketfit.demand.designs.space import DesignSpace
from marketfit.errors import DataError, Problem

SEARCH_DRAWS = 64
"""Draws of the prior that the search averages over; they are the first of its sequence."""
MOST_STARTS, STARTED_TASKS = 30, 120
AGREED, SAME = 6, 1e-9
"""Searches that end at the same log of the D-error, up to rounding, after which no more are begun."""


def efficient_design(
    space: DesignSpace,
    prior: Prior | None = None,
    *,
    starts: int | None = None,
    rng: Rng = 0,
    progress: Callable[[float], None] | None = None,
) -> ChoiceDesign:
    """The design of the smallest D-error, expected over the prior, that a search finds.

    Every level is shown as often as any other (±1) over all versions, and within each where prohibitions leave room;
    no task shows equal or dominated alternatives. Unless the model has effects of the place itself, every level
    stands at every place of a task about equally often, over all versions.

    prior: on the coefficients of the model that will be fitted (default: `vague_prior(space)`). starts: searches from
    different beginnings, of which the best counts (default: more for smaller designs). The answer depends on the seed
    alone, not on the number of threads.

    Raises DataError when the rules leave no design, or when none can identify all coefficients.
    """
    prior = vague_prior(space) if prior is None else prior
    if starts is None:
        starts = int(np.clip(STARTED_TASKS // (space.versions * space.tasks), 1, MOST_STARTS))
    check_room(space.shape, prior.coding.columns, none=space.none)
    rows = Rows.of(space, prior.coding)
    best: tuple[float, ChoiceDesign] | None = None
    agreed = 0
    for start, generator in enumerate(np.random.default_rng(rng).spawn(starts)):
        # The first search begins where little is left to do; every other one anywhere, so that it may end elsewhere.
        begun = balanced_codes(space, overlap="random" if start % 2 else "minimal", rng=generator)
        search = Exchange(space, rows, prior.draws[:SEARCH_DRAWS], begun)
        search.run(generator, _part(progress, start, starts))
        if best is None or search.value < best[0] - SAME:
            best, agreed = (search.value, ChoiceDesign(space, search.codes)), 0
        agreed += search.value < best[0] + SAME
        if agreed == AGREED:
            break
    if best is None:
        raise DataError([Problem("starts", f"is {starts}", "at least 1", "ask for more")])
    check_identified(best[1], rows)
    if progress is not None:
        progress(1.0)
    # Where the model has effects of the place, such as constants of alternatives, the search has set the places.
    return best[1] if rows.by_place else ChoiceDesign(space, even_places(space, best[1].codes))


def _part(progress: Callable[[float], None] | None, start: int, starts: int) -> Callable[[float], None]:
    """Progress within one of several searches, as progress of them all."""

    def tell(done: float) -> None:
        if progress is not None:
            progress((start + done) / starts)

    return tell
