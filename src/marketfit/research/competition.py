"""What the table of competitors says by itself: dominated offers, and a perceptual map of their numbers."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np

from marketfit.brief import MarketSpec
from marketfit.records.findings import Drawing, Figure, Finding, FindingTable
from marketfit.records.market import Offer
from marketfit.records.questionnaire import Cell
from marketfit.research.attributes import is_number
from marketfit.research.dominance import Advantage, Direction, advantages
from marketfit.research.perceptual_map import pca_biplot, varying

_MOST_OWN = 50


def competition(competitors: Sequence[Offer], market: MarketSpec, *, product: str) -> Finding:
    """Which offers are dominated, ours among them where all its values are known, and how the offers lie.

    Forms of our own offer, such as its prices, are not held against each other. Where a metric is
    measured later, ours can't be compared yet, which is noted.
    """
    better: dict[str, Direction] = {
        name: spec.better for name, spec in market.attributes.items() if spec.better is not None
    }
    own, notes = _own_offers(market, product)
    offers = {offer.name: offer.attributes for offer in competitors} | own
    tables: list[FindingTable] = []
    if better:
        found = [pair for pair in advantages(offers, better) if not {pair.offer, pair.by} <= own.keys()]
        dominated = [pair for pair in found if pair.dominates]
        others = [pair for pair in found if not pair.dominates]
        tables += [_dominated(dominated, better)] if dominated else []
        tables += [_matter_of_taste(others, better)] if others else []
        if not dominated:
            notes.append("No offer is dominated: none is matched in everything and beaten in something.")
    else:
        notes.append("No attribute has a better direction, so no offer can be called dominated.")
    figures, drawn = _map(offers, [name for name, spec in market.attributes.items() if is_number(spec)])
    if drawn is None:
        notes.append("No map: it takes three offers that differ in two numbers.")
    return Finding(
        instrument="competitors",
        title="How the offers compare",
        respondents=0,
        answers=len(competitors),
        simulated=market.simulated,
        figures=figures,
        tables=(*tables, *([drawn] if drawn else [])),
        notes=tuple(notes),
    )


def _own_offers(market: MarketSpec, product: str) -> tuple[dict[str, dict[str, Cell]], list[str]]:
    measured = [name for name, spec in market.attributes.items() if spec.metric is not None]
    if measured or not market.attributes:
        named = ", ".join(measured)
        return {}, [f"Our offer is not compared here: {named} will be measured."] if measured else []
    values = [spec.offer for spec in market.attributes.values()]
    count = int(np.prod([len(choice) for choice in values]))
    if count > _MOST_OWN:
        return {}, [f"Our offer is not compared here: it has {count} forms, more than {_MOST_OWN}."]
    forms = [dict(zip(market.attributes, form, strict=True)) for form in itertools.product(*values)]
    open_ones = [name for name, spec in market.attributes.items() if len(spec.offer) > 1]
    own: dict[str, dict[str, Cell]] = {}
    for form in forms:
        told = ", ".join(f"{name} {_text(form[name])}" for name in open_ones)
        own[f"{product} ({told})" if told else product] = dict(form)
    return own, []


def _text(cell: Cell) -> str:
    return cell if isinstance(cell, str) else f"{cell:g}"


def _dominated(found: Sequence[Advantage], better: dict[str, Direction]) -> FindingTable:
    return FindingTable(
        title="Dominated offers",
        columns=("offer", "dominated by", "which is better in"),
        rows=tuple((pair.offer, pair.by, ", ".join(pair.better_in)) for pair in found),
        note=f"At least as good in {', '.join(better)}, better in one or more, and the same in all else: facts of the "
        "table, no estimates.",
    )


def _matter_of_taste(found: Sequence[Advantage], better: dict[str, Direction]) -> FindingTable:
    return FindingTable(
        title="Better in all that has a direction, but different in something else",
        columns=("offer", "beaten by", "which is better in", "but different in"),
        rows=tuple((pair.offer, pair.by, ", ".join(pair.better_in), ", ".join(pair.differs)) for pair in found),
        note=f"At least as good in {', '.join(better)}, and better in one or more; not dominated, for somebody may "
        "prefer the offer for the sake of the last column. Facts of the table, no estimates.",
    )


def _map(
    offers: Mapping[str, Mapping[str, Cell]], numbers: Sequence[str]
) -> tuple[tuple[Figure, ...], FindingTable | None]:
    """A map of the numbers that differ; None where they have fewer than two axes."""
    table = np.array([[float(values[name]) for name in numbers] for values in offers.values()], dtype=np.float64)
    table = table.reshape(len(offers), len(numbers))
    differs = varying(table)
    if len(offers) < 3 or differs.sum() < 2:
        return (), None
    found = pca_biplot(table[:, differs])
    if found.inertia.size < 2:
        return (), None
    figures = tuple(
        Figure(name=f"Axis {axis} of the map, share of variance", value=100 * share, n=len(offers), unit="%")
        for axis, share in enumerate(found.explained[:2].tolist(), start=1)
    )
    shown = [name for name, kept in zip(numbers, differs.tolist(), strict=True) if kept]
    rows = (
        *((name, "offer", *point) for name, point in zip(offers, found.rows[:, :2].tolist(), strict=True)),
        *((name, "attribute", *point) for name, point in zip(shown, found.columns[:, :2].tolist(), strict=True)),
    )
    return figures, FindingTable(
        title="Map of the offers",
        columns=("name", "kind", "axis 1", "axis 2"),
        rows=rows,
        note="PCA biplot of the numeric attributes, standardised: an offer far out towards an attribute has more of "
        "it. A table and no sample, so there are no intervals.",
        drawing=Drawing(kind="map", x="axis 1", y="axis 2", label="name", series="kind", marks=(0.0,), marks_y=(0.0,)),
    )
