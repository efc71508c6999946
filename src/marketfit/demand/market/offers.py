"""Offers as they are given, by name, and as rows of the design matrix; problems of all are told at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from typing import Protocol, TypeAlias

import numpy as np

from marketfit.demand.arrays import FloatArray, label
from marketfit.demand.coding.coding import Coding, Design, Offer
from marketfit.demand.coding.terms import Value
from marketfit.errors import DataError, Problem

NAMES = ("name", "offer")
"""What the name of an offer may be called, beside its attributes; files of competitors say `offer`."""

UNNAMED = "__index_level_"
"""How pandas begins the name of an index that has none, when it hands a table over."""


class OfferTable(Protocol):
    """A pandas, polars or pyarrow table: one row an offer, one column an attribute."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """As the Arrow PyCapsule interface says."""


Offers: TypeAlias = Mapping[str, Offer] | Sequence[Offer] | OfferTable
"""Offers that compete: by name, in a list, or as a table of one row each.

In a list or table an offer may say its `name` (or `offer`), and in a pandas table the index does, unless it just
numbers the rows; else offers are called 1, 2, … by their place. Where the model itself has an attribute called
so, that is meant.
"""


def named_offers(offers: Offers, coding: Coding) -> dict[str, Offer]:
    """Offers by name, in the order given. Raises DataError for what are no offers, and for names that come up twice."""
    attributes = {*coding.attributes, *([coding.alternative_column] if coding.alternatives else [])}
    rows = _rows(offers, attributes)
    known: list[tuple[str, Offer]] = [(name, item) for name, item in rows if isinstance(item, Mapping)]
    if len(known) < len(rows):
        do = 'write such as {"ours": {"price": 2.0}}'
        wrong = [(name, item) for name, item in rows if not isinstance(item, Mapping)]
        raise DataError([Problem(f"offer '{name}'", f"is {item!r}", "attribute → value", do) for name, item in wrong])
    if isinstance(offers, Mapping):
        return dict(known)
    keys = [key for key in NAMES if key not in attributes]
    named = [_named(place, item, keys) for place, item in known]
    names = [name for name, _ in named]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        do = "give each offer a name of its own"
        raise DataError([Problem(f"offer '{name}'", "is there twice", "each name once", do) for name in repeated])
    return dict(named)


def _named(place: str, offer: Offer, keys: Sequence[str]) -> tuple[str, Offer]:
    """The offer without its name, which stands under the first of the keys that it has; else its place is its name."""
    for key in keys:
        if key in offer:
            return label(offer[key]), {name: value for name, value in offer.items() if name != key}
    return place, offer


def _rows(offers: object, attributes: Set[str]) -> list[tuple[str, object]]:
    """Name, or place from 1, and attributes of each offer. attributes: what the model knows."""
    if isinstance(offers, Mapping):
        return list(offers.items())
    if isinstance(offers, (list, tuple)):
        return [(str(place), item) for place, item in enumerate(offers, start=1)]
    if hasattr(offers, "__arrow_c_stream__"):
        return list(_table_rows(offers, attributes))
    found = f"are of type '{type(offers).__name__}'"
    allowed = "name → attributes, a list of them, or a table of one row an offer"
    raise DataError([Problem("offers", found, allowed, 'write such as {"ours": {"price": 2.0}}')])


def _table_rows(table: object, attributes: Set[str]) -> Iterator[tuple[str, dict[str, Value]]]:
    """Name, or place from 1, and the row of each offer; an empty cell is an attribute that the offer does not name."""
    # Arrow is needed to read tables only.
    import pyarrow as pa

    try:
        read = pa.table(table)
        rows = read.to_pylist()
    except (pa.ArrowException, ValueError, TypeError) as error:
        do = "give every column one type, or give a list of offers"
        raise DataError([Problem("offers", f"cannot be read ({error})", "columns of numbers or of text", do)]) from None
    # The index of a pandas table comes as columns; named for an attribute, it is that.
    told = (read.schema.pandas_metadata or {}).get("index_columns", ())
    index = [name for name in read.column_names if name in told and name not in attributes]
    # Of rows that were picked or sorted, the numbers stay behind as an index without a name: they name nothing.
    counts = {name for name in index if name.startswith(UNNAMED) and pa.types.is_integer(read.schema.field(name).type)}
    for place, row in enumerate(rows, start=1):
        parts = {name: label(row.pop(name)) for name in index}
        name = " ".join(part for name, part in parts.items() if name not in counts) or str(place)
        yield name, {attribute: value for attribute, value in row.items() if value is not None}


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
