"""Attribute coding: from attributes of alternatives and offers to rows of the design matrix.

The columns are those of each attribute in the order given, then one constant per alternative but the base
(`asc_<alternative>`), then `none`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from marketfit.demand.arrays import FloatArray, label
from marketfit.demand.choices.data import ChoiceData
from marketfit.demand.coding.options import CodingOption, make_term
from marketfit.demand.coding.terms import Term, Value, offer_input, term_input
from marketfit.errors import DataError, Problem, nearest

NONE_COLUMN = "none"


Offer: TypeAlias = Mapping[str, Value]
"""A product: the value of every attribute, by name."""


@dataclass(frozen=True, eq=False)
class Design:
    """A coded design. matrix: (rows, columns). extrapolated: attributes that were clamped to the tested range."""

    matrix: FloatArray
    extrapolated: tuple[str, ...]


@dataclass(frozen=True)
class Coding:
    """How attributes become columns, fixed on the data of the fit so that new offers are coded alike.

    terms: one per attribute. constants: alternatives with a constant; base: the alternative without, or None.
    none: name of the none option, or None. alternative_column: what offers call the alternative they are; it is
    asked for only where there are constants.
    """

    terms: tuple[Term, ...]
    constants: tuple[str, ...]
    base: str | None
    none: str | None
    alternative_column: str

    @classmethod
    def from_data(
        cls,
        data: ChoiceData,
        *,
        options: Mapping[str, CodingOption] | None = None,
        constants: bool = False,
        base: str | None = None,
    ) -> Coding:
        """Fix the coding on choice data.

        options: coding of attributes that shall not have the default one. constants: whether alternatives have
        constants. base: the alternative without one (default: the last sorted).
        Raises DataError with every option that does not fit the data.
        """
        problems: list[Problem] = []
        options = options or {}
        names = [attribute.name for attribute in data.attributes]
        problems.extend(
            Problem(f"coding of '{name}'", "no such attribute", nearest(name, names), "name an attribute of the data")
            for name in options
            if name not in names
        )
        used = ~data.is_none
        terms = [make_term(item.take(used), options.get(item.name), problems) for item in data.attributes]
        kept, base = _constants(data, constants, base, problems)
        if problems:
            raise DataError(problems)
        coding = cls(tuple(term for term in terms if term), kept, base, data.none, data.alternative_column)
        coding._check_columns()
        return coding

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns of the design, in order."""
        attributes = [column for term in self.terms for column in term.columns]
        constants = [f"asc_{name}" for name in self.constants]
        return (*attributes, *constants, *([NONE_COLUMN] if self.none is not None else []))

    @property
    def attributes(self) -> tuple[str, ...]:
        """Names of the attributes, in order."""
        return tuple(term.attribute for term in self.terms)

    def columns_of(self, name: str) -> tuple[str, ...]:
        """The columns of an attribute, or the column itself; empty when the name is neither."""
        for term in self.terms:
            if term.attribute == name:
                return term.columns
        return (name,) if name in self.columns else ()

    def design(self, data: ChoiceData) -> Design:
        """Code the rows of choice data. Raises DataError for attributes, levels or alternatives that are unknown."""
        problems: list[Problem] = []
        given = {attribute.name: attribute for attribute in data.attributes}
        parts: list[FloatArray] = []
        extrapolated = []
        used = ~data.is_none
        for term in self.terms:
            if term.attribute not in given:
                problems.append(_missing(f"attribute '{term.attribute}'", tuple(given)))
                continue
            values = term_input(term, given[term.attribute], used, problems)
            parts.append(term.encode(values))
            if (term.outside(values) & used).any():
                extrapolated.append(term.attribute)
        parts.append(self._constant_columns(data, problems))
        if data.none is not None and self.none is None:
            problems.append(
                Problem("the choice data", "have a none option", "the model was fitted without one", "drop its rows")
            )
        if problems:
            raise DataError(problems)
        matrix = np.concatenate(parts, axis=1)
        matrix[data.is_none] = 0.0
        if self.none is not None:
            matrix = np.concatenate([matrix, data.is_none[:, None].astype(np.float64)], axis=1)
        return Design(matrix, tuple(extrapolated))

    def code(self, offer: Offer, *, where: str = "offer") -> Design:
        """Code one offer as a design of one row.

        offer: value of every attribute; where the model has constants, also the alternative, under the name of the
        alternative column. where: what error messages call the offer.
        Raises DataError with every value that is missing, unknown or of the wrong kind.
        """
        problems: list[Problem] = []
        known = {*self.attributes, *([self.alternative_column] if self.constants else [])}
        problems.extend(
            Problem(f"{where}: '{name}'", "unknown attribute", nearest(name, known), "rename or drop it")
            for name in offer
            if name not in known
        )
        parts: list[FloatArray] = []
        extrapolated = []
        for term in self.terms:
            if term.attribute not in offer:
                problems.append(_missing(f"{where}: '{term.attribute}'", tuple(offer)))
                continue
            value = offer_input(term, offer[term.attribute], f"{where}: '{term.attribute}'", problems)
            values = np.array([value])
            parts.append(term.encode(values))
            if term.outside(values).any():
                extrapolated.append(term.attribute)
        parts.append(self._offer_constants(offer, where, problems))
        if problems:
            raise DataError(problems)
        parts.append(np.zeros((1, 0 if self.none is None else 1)))
        return Design(np.concatenate(parts, axis=1), tuple(extrapolated))

    def code_none(self) -> FloatArray:
        """(1, columns) the none option: zero but for its constant. Raises DataError when the model has none."""
        if self.none is None:
            found = "the model was fitted on data without a none option"
            raise DataError([Problem("none", found, "none=False", "leave it out, or ask with a none option")])
        row = np.zeros((1, len(self.columns)))
        row[0, -1] = 1.0
        return row

    def _constant_columns(self, data: ChoiceData, problems: list[Problem]) -> FloatArray:
        if not self.constants:
            return np.zeros((data.rows, 0))
        known = {*self.constants, self.base, self.none}
        column = f"column '{data.alternative_column}'"
        problems.extend(
            Problem(column, f"unknown alternative '{name}'", nearest(name, self.constants), "use a fitted alternative")
            for name in data.alternatives
            if name not in known
        )
        names = np.array(data.alternatives, dtype=object)
        return np.asarray(names[data.alternative][:, None] == np.array(self.constants, dtype=object), dtype=np.float64)

    def _offer_constants(self, offer: Offer, where: str, problems: list[Problem]) -> FloatArray:
        if not self.constants:
            return np.zeros((1, 0))
        key = self.alternative_column
        known = (*self.constants, *([self.base] if self.base is not None else []))
        if key not in offer:
            do = "say which alternative the offer is: the model has a constant for each"
            problems.append(Problem(f"{where}: '{key}'", "is missing", nearest("", known), do))
            return np.zeros((1, len(self.constants)))
        name = label(offer[key])
        if name not in known:
            found = f"unknown alternative '{name}'"
            problems.append(Problem(f"{where}: '{key}'", found, nearest(name, known), "use a fitted alternative"))
        return np.array([[float(name == constant) for constant in self.constants]])

    def _check_columns(self) -> None:
        columns = self.columns
        repeated = sorted({name for name in columns if columns.count(name) > 1})
        if repeated:
            found = "two columns of the design have this name"
            do = "rename an attribute, a level or an alternative"
            raise DataError([Problem(f"'{name}'", found, "one name per column", do) for name in repeated])


def _missing(where: str, given: Sequence[str]) -> Problem:
    return Problem(where, "is missing", f"given: {', '.join(given) or 'nothing'}", "give its value")


def _constants(
    data: ChoiceData, constants: bool, base: str | None, problems: list[Problem]
) -> tuple[tuple[str, ...], str | None]:
    """The alternatives with a constant, and the one without."""
    names = [name for name in data.alternatives if name != data.none]
    if not constants:
        if base is not None:
            problems.append(Problem(f"base='{base}'", "there are no constants", "constants=True", "ask for constants"))
        return (), None
    if base is not None and base not in names:
        problems.append(
            Problem(f"base='{base}'", "no such alternative", nearest(base, names), "name an alternative of the data")
        )
    base = names[-1] if base is None else base
    return tuple(name for name in names if name != base), base
