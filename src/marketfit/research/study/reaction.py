"""Price competition: the prices at which nobody gains by another one, and whether ours survives the rivals' answer."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from marketfit.demand import Equilibrium, Estimate, PriceGame, PriceReaction, Shares, equilibrium, price_after_reaction
from marketfit.demand import simulate as simulate_shares
from marketfit.demand.coding.terms import PiecewiseTerm
from marketfit.records.findings import Drawing, Figure, Finding, FindingTable
from marketfit.research.study.offer import clamped_notes
from marketfit.research.study.stage import Stage, ends, money, percent, tested_range

WORLDS = 100
"""Draws that are each taken as a market of its own, for the intervals."""

_STUCK = 0.005  # of the tested range: a price this near to a bend of the estimate sits on it

_FIRMS = (
    "Every offer is taken as a firm of its own that knows demand and sets nothing but its price: what is learned is "
    "whether our price survives an answer, not which answer will come."
)

Cells = tuple[float | str | None, ...]


def reaction_finding(
    stage: Stage, *, tasks: int, progress: Callable[[float], None] | None = None
) -> tuple[Finding | None, tuple[str, ...]]:
    """Prices, shares and profits now and at the Bertrand–Nash equilibrium, and our price before and after an answer.

    Every offer is a firm of its own. Returns nothing, with the reason, where there is no game to play.
    """
    why = no_game(stage)
    if why:
        return None, (f"No price competition: {why}.",)
    told = progress or (lambda _: None)
    game, assumed = _game(stage)
    settled = equilibrium(stage.demand, stage.offers, game=game, worlds=WORLDS, progress=lambda done: told(0.5 * done))
    candidates = sorted({*stage.prices, *(() if stage.price is None else (stage.price,))})
    answered = price_after_reaction(
        stage.demand, stage.offers, offer=stage.product, prices=candidates, game=game, worlds=WORLDS,
        progress=lambda done: told(0.5 + 0.5 * done),
    )  # fmt: skip
    now = simulate_shares(stage.demand, stage.offers)
    lead, figure = _verdict(stage, answered)
    if assumed:
        lead += f" {assumed}"
    return Finding(
        instrument="price-competition",
        title="If rivals answer our price",
        respondents=stage.drawn.sample_size,
        answers=tasks,
        simulated=stage.market.simulated,
        lead=lead,
        figures=figure,
        tables=(
            _survival(stage, answered),
            _prices(stage, game, settled),
            _shares(stage, now, settled),
            _profits(stage, game, now, settled),
        ),
        notes=(_FIRMS, *_settled_notes(stage, settled, answered)),
    ), ()


def no_game(stage: Stage) -> str:
    """Why rivals can't answer our price; empty where they can."""
    market = stage.market
    low, high = tested_range(stage.drawn.coding, market.price)
    priced = {name: offer.get(market.price) for name, offer in stage.offers.items()}
    if not stage.rivals:
        return "no competitor is named"
    if market.unit_cost is None:
        return "it needs market.unit_cost, what one buyer costs us"
    if not low < high:
        return f"'{market.price}' is no number with two tested values or more"
    if any(not isinstance(value, float) for value in priced.values()):
        return f"some '{market.price}' is no number"
    if stage.price is None or not low <= stage.price <= high:
        return f"our {market.price} lies beyond what was tested ({low:g} to {high:g})"
    return ""


def _game(stage: Stage) -> tuple[PriceGame, str]:
    """The game, and in a sentence what had to be assumed of it."""
    market = stage.market
    own = market.unit_cost or 0.0
    costs = {name: market.rival_unit_costs.get(name, own) for name in stage.rivals} | {stage.product: own}
    unknown = [name for name in stage.rivals if name not in market.rival_unit_costs]
    named = _joined(unknown) if unknown else ""
    assumed = (
        f"ASSUMED: {named} pay{'s' if len(unknown) == 1 else ''} {own:g} for each buyer, as we do; give what is known "
        "in market.rival_unit_costs."
    )
    game = PriceGame(
        owners={name: name for name in stage.offers},
        unit_costs=costs,
        price=market.price,
        audience=market.audience or 1.0,
    )
    return game, assumed if unknown else ""


def _verdict(stage: Stage, answered: PriceReaction) -> tuple[str, tuple[Figure, ...]]:
    name, chosen, n = stage.market.price, stage.price, stage.drawn.sample_size
    if len(answered.prices) < 2 or chosen is None:
        return f"Only one {name} of ours may be chosen, so there is no other that could do better after an answer.", ()
    places = {price: k for k, price in enumerate(answered.prices.tolist())}
    best = answered.best_after
    chance = float(answered.chance_best[places[best]])
    sure = "" if math.isnan(chance) else f", as in {100 * chance:.0f} % of draws"
    figures = (
        Figure(name=f"Our {name}", value=chosen, n=n),
        Figure(name=f"Best {name} while rivals keep theirs", value=answered.best_before, n=n),
        Figure(name=f"Best {name} once rivals have answered", value=best, n=n),
    )
    if not answered.converged.all():
        return f"Whether our {name} survives is not known: the rivals' answers did not settle at every price.", figures
    if best == chosen:
        return f"Our {name} of {chosen:g} survives: it earns most once the rivals have answered{sure}.", figures
    more = Estimate(float(answered.after[places[best]] - answered.after[places[chosen]]), math.nan, math.nan)
    more = answered.regret if chosen == answered.best_before else more
    return (
        f"Our {name} of {chosen:g} does not survive: once the rivals have answered, {best:g} earns {_amount(more)} "
        f"more {_period(stage)}, and most of all{sure}."
    ), figures


def _survival(stage: Stage, answered: PriceReaction) -> FindingTable:
    name = stage.market.price
    rows: list[Cells] = []
    for k, price in enumerate(answered.prices.tolist()):
        rows.append(
            (price, money(answered.before[k]), money(answered.before_low[k]), money(answered.before_high[k]),
             money(answered.after[k]), money(answered.after_low[k]), money(answered.after_high[k]),
             percent(answered.chance_best[k]),
             ", ".join(f"{rival} {prices[k]:.2f}" for rival, prices in answered.rival_prices.items()))
        )  # fmt: skip
    return FindingTable(
        title=f"Our profit {_period(stage)} at each {name} of ours, before and after the rivals answer",
        columns=(name, "profit now", "now low", "now high", "profit then", "then low", "then high",
                 "best then, % of draws", "what rivals answer"),
        rows=tuple(rows),
        note=f"Then: rivals have set the prices that earn them most, ours being fixed. 95 % intervals over "
        f"{answered.worlds} draws; {stage.people}. A sample of the draws stands for all here, so profits may differ a "
        "little from those of other tables.",
    )  # fmt: skip


def _prices(stage: Stage, game: PriceGame, settled: Equilibrium) -> FindingTable:
    name = stage.market.price
    rows: list[Cells] = [
        (offer, game.unit_costs[offer], stage.offers[offer][name], money(one.value), money(one.low), money(one.high))
        for offer, one in settled.prices.items()
    ]
    return FindingTable(
        title="Prices now, and where nobody gains by another price (Bertrand–Nash equilibrium)",
        columns=("offer", "unit cost", f"{name} now", f"{name} then", "low", "high"),
        rows=tuple(rows),
        note=f"Then: everybody, we too, has settled. 95 % intervals over {settled.worlds} draws, each a market of its "
        f"own; {stage.people}.",
        drawing=Drawing(kind="intervals", x=f"{name} then", label="offer", low="low", high="high"),
    )


def _shares(stage: Stage, now: Shares, settled: Equilibrium) -> FindingTable:
    rows: list[Cells] = []
    for place, offer in enumerate(now.offers):
        then = settled.shares[offer]
        rows.append(
            (offer, percent(now.share[place]), percent(now.low[place]), percent(now.high[place]),
             percent(then.value), percent(then.low), percent(then.high))
        )  # fmt: skip
    return FindingTable(
        title="Shares now, and at those prices, in percent",
        columns=("offer", "share now, %", "now low", "now high", "share then, %", "then low", "then high"),
        rows=tuple(rows),
        note=f"95 % intervals; {stage.people}.",
    )


def _profits(stage: Stage, game: PriceGame, now: Shares, settled: Equilibrium) -> FindingTable:
    rows: list[Cells] = []
    for place, offer in enumerate(now.offers):
        if offer not in stage.offers:
            continue
        margin = game.audience * (float(stage.offers[offer][stage.market.price]) - game.unit_costs[offer])
        low, high = ends(margin * now.share_draws[:, place].astype(np.float64))
        then = settled.profits[offer]
        rows.append(
            (offer, money(margin * float(now.share[place])), money(low), money(high),
             money(then.value), money(then.low), money(then.high))
        )  # fmt: skip
    return FindingTable(
        title=f"Profits {_period(stage)} now, and at those prices",
        columns=("offer", "profit now", "now low", "now high", "profit then", "then low", "then high"),
        rows=tuple(rows),
        note=f"95 % intervals; {stage.people}. The cost of predictions is not in it.",
    )


def _period(stage: Stage) -> str:
    audience = stage.market.audience
    return "per person who chooses" if audience is None else f"a month ({audience:,.0f} buyers)"


def _settled_notes(stage: Stage, settled: Equilibrium, answered: PriceReaction) -> list[str]:
    name = stage.market.price
    notes = []
    if not settled.converged:
        notes.append(
            "The prices of the equilibrium did not settle: a firm could still add "
            f"{settled.largest_gain:.2%} to its profit. Read them as a direction."
        )
    if settled.others:
        notes.append(f"There are {len(settled.others)} further equilibria: where the market ends depends on its start.")
    for offer, bound in settled.at_bound.items():
        end = "lowest" if bound == "low" else "highest"
        notes.append(f"{offer} settles at the {end} tested {name}: where it would go beyond is not known.")
    notes += _bend_notes(stage, settled)
    unsettled = settled.unsettled + answered.unsettled
    if unsettled:
        notes.append(f"{unsettled} draws are left out of the intervals, because prices did not settle in them.")
    return notes + clamped_notes(settled.extrapolated)


def _bend_notes(stage: Stage, settled: Equilibrium) -> list[str]:
    """Prices that sit where the estimated effect of price bends: an artefact of the levels that were tested."""
    term = next(term for term in stage.drawn.coding.terms if term.attribute == stage.market.price)
    if not isinstance(term, PiecewiseTerm):
        return []
    near = _STUCK * (term.knots[-1] - term.knots[0])
    stuck: dict[float, list[str]] = {}
    for offer, one in settled.prices.items():
        for knot in term.knots[1:-1]:
            if abs(one.value - knot) <= near:
                stuck.setdefault(knot, []).append(offer)
    return [
        f"{_joined(offers)} settle{'s' if len(offers) == 1 else ''} at {knot:g}, a tested {stage.market.price} where "
        "the estimate bends: test prices around it before you rely on that number."
        for knot, offers in stuck.items()
    ]


def _joined(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _amount(estimate: Estimate) -> str:
    if math.isnan(estimate.low):
        return f"{estimate.value:,.0f} (no interval)"
    return f"{estimate.value:,.0f} (95 % interval {estimate.low:,.0f} to {estimate.high:,.0f})"
