"""What a coding asks of rows: the value of each term, the alternative, and whether the row is the none option.

Rows of choice data and offers are turned into the same record, so that they are coded by the same code.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass

import numpy as np

from marketfit.demand.arrays import BoolArray, FloatArray, IntArray, finite_number, label, rows_text
from marketfit.demand.choices.attribute import Attribute
from marketfit.demand.choices.data import ChoiceData
from marketfit.demand.coding.columns import NONE_COLUMN, indicator
from marketfit.demand.coding.terms import LevelsTerm, Term, Value
from marketfit.errors import Problem, nearest


@dataclass(frozen=True, eq=False)
class Inputs:
    """Rows to be coded.

    values: name of an attribute or covariate → (rows,) what its term encodes.
    alternative: (rows,) places in `alternatives`, −1 for another one; is_none: (rows,).
    """

    values: Mapping[str, FloatArray]
    alternatives: tuple[str, ...]
    alternative: IntArray
    is_none: BoolArray

    def simple_columns(
        self, terms: Iterable[Term], covariates: Iterable[Term], wanted: Set[str]
    ) -> Iterator[tuple[str, FloatArray]]:
        """The wanted simple columns one after the other, (rows,) each; the none option has none but its own."""
        some_none = bool(self.is_none.any())
        for term in terms:
            coded = term.encode(self.values[term.attribute])
            if some_none:
                coded[self.is_none] = 0.0
            yield from zip(term.columns, coded.T, strict=True)
        for term in covariates:
            yield from zip(term.columns, term.encode(self.values[term.attribute]).T, strict=True)
        for place, name in enumerate(map(indicator, self.alternatives)):
            if name in wanted:
                yield name, (self.alternative == place).astype(np.float64)
        if NONE_COLUMN in wanted:
            yield NONE_COLUMN, self.is_none.astype(np.float64)

    def clamped(self, terms: Iterable[Term], covariates: Iterable[Term]) -> tuple[str, ...]:
        """Attributes and covariates with a number beyond the tested range."""
        used = ~self.is_none
        beyond = [term for term in terms if (term.outside(self.values[term.attribute]) & used).any()]
        beyond += [term for term in covariates if term.outside(self.values[term.attribute]).any()]
        return tuple(term.attribute for term in beyond)


def data_values(
    terms: Iterable[Term],
    given: Iterable[Attribute],
    rows: IntArray,
    used: BoolArray,
    kind: str,
    problems: list[Problem],
) -> dict[str, FloatArray]:
    """What the terms encode, from attributes (or covariates) of choice data; what does not fit is a problem.

    rows: (rows,) rows of the source table. used: (rows,) those that have a value. kind: what error messages call the
    things.
    """
    by_name = {attribute.name: attribute for attribute in given}
    values = {}
    for term in terms:
        where = f"{kind} '{term.attribute}'"
        if term.attribute in by_name:
            values[term.attribute] = _term_input(term, by_name[term.attribute], (rows, used), where, problems)
        else:
            problems.append(missing(where, tuple(by_name)))
    return values


def data_alternatives(data: ChoiceData, alternatives: tuple[str, ...], problems: list[Problem]) -> IntArray:
    """(rows,) places of the data's alternatives in `alternatives`; unknown ones are problems unless none matters."""
    if not alternatives:
        return np.full(data.rows, -1, dtype=np.int64)
    place = {name: index for index, name in enumerate(alternatives)}
    for code, name in enumerate(data.alternatives):
        at = data.row[data.alternative == code]
        if name not in place and name != data.none and at.size:
            where = f"column '{data.alternative_column}', {rows_text(at)}"
            found, do = f"unknown alternative '{name}'", "use a fitted alternative"
            problems.append(Problem(where, found, nearest(name, alternatives), do))
    return np.array([place.get(name, -1) for name in data.alternatives], dtype=np.int64)[data.alternative]


def offer_values(
    terms: Iterable[Term], offer: Mapping[str, Value], where: str, problems: list[Problem]
) -> dict[str, FloatArray]:
    """What the terms encode, (1,) each, from the values of an offer; values that do not fit are problems."""
    values = {}
    for term in terms:
        place = f"{where}: '{term.attribute}'"
        if term.attribute in offer:
            values[term.attribute] = np.array([_offer_input(term, offer[term.attribute], place, problems)])
        else:
            problems.append(missing(place, tuple(offer)))
    return values


def offer_alternative(
    offer: Mapping[str, Value], key: str, alternatives: tuple[str, ...], where: str, problems: list[Problem]
) -> IntArray:
    """(1,) the place of the offer's alternative in `alternatives`; the offer says it under the name `key`."""
    if not alternatives:
        return np.array([-1])
    if key not in offer:
        do = "say which alternative the offer is: the model has coefficients of its own for each"
        problems.append(Problem(f"{where}: '{key}'", "is missing", nearest("", alternatives), do))
        return np.array([-1])
    name = label(offer[key])
    if name not in alternatives:
        found, do = f"unknown alternative '{name}'", "use a fitted alternative"
        problems.append(Problem(f"{where}: '{key}'", found, nearest(name, alternatives), do))
        return np.array([-1])
    return np.array([alternatives.index(name)])


def missing(where: str, given: Sequence[str]) -> Problem:
    """The problem of a value that is not there."""
    return Problem(where, "is missing", f"given: {', '.join(given) or 'nothing'}", "give its value")


def _term_input(
    term: Term, attribute: Attribute, at: tuple[IntArray, BoolArray], where: str, problems: list[Problem]
) -> FloatArray:
    """(rows,) what `term.encode` takes. at: (rows,) rows of the source table, and which of them have a value."""
    if not isinstance(term, LevelsTerm):
        if attribute.levels is None:
            return attribute.numbers
        problems.append(_not_a_number(where, "holds text", term.kind))
        return np.full(attribute.values.size, np.nan)
    if attribute.levels is not None:
        names, codes = attribute.levels, attribute.codes
    else:
        distinct, codes = np.unique(attribute.numbers, return_inverse=True)
        names = tuple(label(number) for number in distinct.tolist())
    rows, used = at
    for code, name in enumerate(names):
        if name in term.levels:
            continue
        shown = rows[used & (codes == code)]
        if shown.size:
            problems.append(_unknown_level(f"{where}, {rows_text(shown)}", name, term))
    # The extra slot at the end is for code −1, the cell of a none option.
    lookup = [float(term.levels.index(name)) if name in term.levels else -1.0 for name in names]
    return np.array([*lookup, -1.0])[codes]


def _offer_input(term: Term, value: Value, where: str, problems: list[Problem]) -> float:
    """What `term.encode` takes."""
    if isinstance(term, LevelsTerm):
        name = label(value)
        if name in term.levels:
            return float(term.levels.index(name))
        problems.append(_unknown_level(where, name, term))
        return -1.0
    number = None if isinstance(value, str) else finite_number(value)
    if number is None:
        found = f"is {value!r}" if isinstance(value, str) else f"is {value}"
        problems.append(_not_a_number(where, found, term.kind))
        return math.nan
    return number


def _unknown_level(where: str, name: str, term: LevelsTerm) -> Problem:
    return Problem(where, f"unknown level '{name}'", nearest(name, term.levels), "use a level that was tested")


def _not_a_number(where: str, found: str, kind: str) -> Problem:
    return Problem(where, found, f"finite numbers: the attribute is coded '{kind}'", "give a number")
