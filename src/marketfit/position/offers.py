"""The offers that we could make: every combination of the values that the brief lets us set."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass

from marketfit.brief import MarketSpec


@dataclass(frozen=True)
class OwnOffer:
    """One combination of what we set. `words` names the choices beside the price, where there are any."""

    settings: Mapping[str, float | str]
    price: float | None
    words: str


def own_offers(market: MarketSpec) -> tuple[OwnOffer, ...]:
    """Every combination, in the order of the brief; a single empty one where nothing is set."""
    offered = {name: spec.offer for name, spec in market.attributes.items() if spec.offer}
    found = []
    for values in itertools.product(*offered.values()):
        settings = dict(zip(offered, values, strict=True))
        price = settings.get(market.price)
        chosen = [
            f"{name} = {value}" for name, value in settings.items() if name != market.price and len(offered[name]) > 1
        ]
        found.append(OwnOffer(settings, None if isinstance(price, str) else price, ", ".join(chosen)))
    return tuple(found)


def fixed(market: MarketSpec) -> OwnOffer:
    """What we set where there is nothing to choose by: without a survey one price is as good as another."""
    settings = {name: spec.offer[0] for name, spec in market.attributes.items() if len(spec.offer) == 1}
    price = settings.get(market.price)
    return OwnOffer(settings, None if isinstance(price, str) else price, "")
