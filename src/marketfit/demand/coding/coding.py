"""Attribute coding: from attributes of alternatives and offers to rows of the design matrix."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from typing import TypeAlias

import numpy as np

from marketfit.demand.arrays import FloatArray, rows_text
from marketfit.demand.choices.data import ChoiceData, check_choice_data
from marketfit.demand.coding.columns import NONE_COLUMN
from marketfit.demand.coding.declaration import Declaration
from marketfit.demand.coding.inputs import Inputs, data_alternatives, data_values, offer_alternative, offer_values
from marketfit.demand.coding.terms import LevelsTerm, Value, describe
from marketfit.errors import DataError, Problem, nearest

Offer: TypeAlias = Mapping[str, Value]
"""A product: the value of every attribute, by name."""


@dataclass(frozen=True, eq=False)
class Design:
    """A coded design. matrix: (rows, columns). extrapolated: attributes that were clamped to the tested range."""

    matrix: FloatArray
    extrapolated: tuple[str, ...]


@dataclass(frozen=True)
class Coding(Declaration):
    """A declared coding at work, fixed on the data of the fit so that new offers are coded alike."""

    def design(self, data: ChoiceData) -> Design:
        """Code the rows of choice data. Raises DataError for attributes, levels or alternatives that are unknown."""
        check_choice_data(data)
        problems: list[Problem] = []
        everybody = np.ones(data.tasks, dtype=np.bool_)
        of_tasks = data_values(
            self.covariates, data.covariates, data.row[data.starts], everybody, "covariate", problems
        )
        values = data_values(self.terms, data.attributes, data.row, ~data.is_none, "attribute", problems)
        values |= {name: np.repeat(numbers, data.sizes) for name, numbers in of_tasks.items()}
        alternative = data_alternatives(data, self.alternatives, problems)
        if data.none is not None and self.none is None:
            where = f"column '{data.alternative_column}', {rows_text(data.row[data.is_none])}"
            found, do = f"the none option '{data.none}'", "drop its rows"
            problems.append(Problem(where, found, "the model was fitted without one", do))
        if problems:
            raise DataError(problems)
        return self._coded(Inputs(values, self.alternatives, alternative, data.is_none))

    def code(self, offer: Offer, *, where: str = "offer") -> Design:
        """Code one offer as a design of one row.

        offer: value of every attribute; where the model has columns that depend on the alternative, also this, under
        the name of the alternative column. where: what error messages call the offer.
        Raises DataError with every value that is missing, unknown or of the wrong kind, and for models with
        covariates: offers have none, so the people are to be given first (`for_people`).
        """
        return self._coded(self._inputs(offer, where))

    def along(self, offer: Offer, numbers: Mapping[str, FloatArray], *, where: str = "offer") -> Design:
        """Code one offer with some attributes at one number after another: a design of one row for each.

        numbers: attribute, coded linear or piecewise, → (rows,) finite numbers, at least one, that stand in for its
        value. Interactions and splits by alternative follow them. where, errors: as for `code`.
        """
        problems = [
            Problem(
                f"{where}: '{term.attribute}'", "is coded by levels", "'linear' or 'piecewise'", "code it in pieces"
            )
            for term in self.terms
            if term.attribute in numbers and isinstance(term, LevelsTerm)
        ]
        if problems:
            raise DataError(problems)
        one = self._inputs({**offer, **{name: float(values[0]) for name, values in numbers.items()}}, where)
        rows = max(values.size for values in numbers.values())
        values = {name: np.repeat(value, rows) for name, value in one.values.items()} | dict(numbers)
        alternative = np.repeat(one.alternative, rows)
        return self._coded(Inputs(values, self.alternatives, alternative, np.zeros(rows, dtype=np.bool_)))

    def _inputs(self, offer: Offer, where: str) -> Inputs:
        """One offer as a row to be coded."""
        problems = self._covariate_problems()
        known = {*self.attributes, *([self.alternative_column] if self.alternatives else [])}
        problems.extend(
            Problem(f"{where}: '{name}'", "unknown attribute", nearest(name, known), "rename or drop it")
            for name in offer
            if name not in known
        )
        values = offer_values(self.terms, offer, where, problems)
        alternative = offer_alternative(offer, self.alternative_column, self.alternatives, where, problems)
        if problems:
            raise DataError(problems)
        return Inputs(values, self.alternatives, alternative, np.zeros(1, dtype=np.bool_))

    def code_none(self) -> FloatArray:
        """(1, columns) the none option: zero but for its constant. Raises DataError when the model has none."""
        problems = self._covariate_problems()
        if self.none is None:
            found = "the model was fitted on data without a none option"
            problems.append(Problem("none", found, "none=False", "leave it out, or ask with a none option"))
        if problems:
            raise DataError(problems)
        return np.array([[float(column.factors == (NONE_COLUMN,)) for column in self.listed]])

    def _coded(self, inputs: Inputs) -> Design:
        """The design of the inputs: simple columns one by one, then the products of several."""
        listed = list(enumerate(self.listed))
        alone = {column.factors[0]: place for place, column in listed if len(column.factors) == 1}
        products = [(place, column.factors) for place, column in listed if len(column.factors) > 1]
        factors = {name for _, names in products for name in names}
        matrix = np.empty((inputs.is_none.size, len(listed)))
        kept: dict[str, FloatArray] = {}
        for name, values in inputs.simple_columns(self.terms, self.covariates, {*alone, *factors}):
            if name in alone:
                matrix[:, alone[name]] = values
            if name in factors:
                kept[name] = values
        for place, names in products:
            matrix[:, place] = reduce(np.multiply, (kept[name] for name in names))
        return Design(matrix, inputs.clamped(self.terms, self.covariates))

    def _covariate_problems(self) -> list[Problem]:
        return [
            Problem(
                where=f"covariate '{term.attribute}'",
                found="tastes depend on it, and whose they are is not said",
                allowed=describe(term),
                do=f"say who chooses: for_people(model, {{'{term.attribute}': …}}), or for_people(model, data)",
            )
            for term in self.covariates
        ]
