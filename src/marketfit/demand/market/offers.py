"""Offers as they are given, by name, and as rows of the design matrix; problems of all are told at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol, TypeAlias

import numpy as np

from marketfit.demand.arrays import FloatArray, label
from marketfit.demand.coding.coding import Coding, Design, Offer
from marketfit.demand.coding.terms import Value
from marketfit.errors import DataError, Problem

NAME = "name"


class OfferTable(Protocol):
    """A pandas, polars or pyarrow table: one row an offer, one column an attribute."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """As the Arrow PyCapsule interface says."""


Offers: TypeAlias = Mapping[str, Offer] | Sequence[Offer] | OfferTable
"""Offers that compete: by name, in a list, or as a table of one row each.

In a list or table an offer may say its `name`; else offers are called 1, 2, … by their place. Where the model itself
has an attribute called name, that is meant.
"""


def named_offers(offers: Offers, coding: Coding) -> dict[str, Offer]:
    """Offers by name, in the order given. Raises DataError for what are no offers, and for names that come up twice."""
    rows = _rows(offers)
    known: list[tuple[str, Offer]] = [(name, item) for name, item in rows if isinstance(item, Mapping)]
    if len(known) < len(rows):
        do = 'write such as {"ours": {"price": 2.0}}'
        wrong = [(name, item) for name, item in rows if not isinstance(item, Mapping)]
        raise DataError([Problem(f"offer '{name}'", f"is {item!r}", "attribute → value", do) for name, item in wrong])
    if isinstance(offers, Mapping):
        return dict(known)
    own_name = NAME not in {*coding.attributes, coding.alternative_column}
    named = [(label(item[NAME]) if own_name and NAME in item else place, item) for place, item in known]
    names = [name for name, _ in named]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        do = "give each offer a name of its own"
        raise DataError([Problem(f"offer '{name}'", "is there twice", "each name once", do) for name in repeated])
    return {name: {k: v for k, v in item.items() if k != NAME or not own_name} for name, item in named}


def _rows(offers: object) -> list[tuple[str, object]]:
    """Name, or place from 1, and attributes of each offer."""
    if isinstance(offers, Mapping):
        return list(offers.items())
    listed: Iterable[object] | None = None
    if isinstance(offers, (list, tuple)):
        listed = offers
    elif hasattr(offers, "__arrow_c_stream__"):
        listed = _table_rows(offers)
    if listed is None:
        found = f"are of type '{type(offers).__name__}'"
        allowed = "name → attributes, a list of them, or a table of one row an offer"
        raise DataError([Problem("offers", found, allowed, 'write such as {"ours": {"price": 2.0}}')])
    return [(str(place), item) for place, item in enumerate(listed, start=1)]


def _table_rows(table: object) -> Iterable[dict[str, Value]]:
    """The rows of a table; an empty cell is an attribute that the offer does not name."""
    # Arrow is needed to read tables only.
    import pyarrow as pa

    try:
        rows = pa.table(table).to_pylist()
    except (pa.ArrowException, ValueError, TypeError) as error:
        do = "give every column one type, or give a list of offers"
        raise DataError([Problem("offers", f"cannot be read ({error})", "columns of numbers or of text", do)]) from None
    return [{name: value for name, value in row.items() if value is not None} for row in rows]


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
