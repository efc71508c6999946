"""What is declared about a coding: the terms, constants, splits and interactions, and the columns that follow.

The columns are those of each attribute in the order given, then one constant per alternative but the base
(`asc_<alternative>`), then `none`, then the interactions (`price:income`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

from marketfit.demand.arrays import label
from marketfit.demand.choices.attribute import Attribute
from marketfit.demand.choices.data import ChoiceData, check_choice_data
from marketfit.demand.coding.columns import (
    CONSTANTS,
    Column,
    Parts,
    Split,
    check_interactions,
    check_splits,
    constant_name,
    indicator,
)
from marketfit.demand.coding.options import CodingOption, make_split, make_term, simple_option
from marketfit.demand.coding.terms import Term
from marketfit.errors import DataError, Problem, nearest

MOST_COLUMNS = 10_000


@dataclass(frozen=True)
class Declaration:
    """How attributes become columns.

    terms: one per attribute. constants: alternatives with a constant; base: the alternative without, or None.
    none: name of the none option, or None. alternative_column: what offers call the alternative they are; it is
    asked for only where columns depend on it, and then `alternatives` are those that may be named.
    splits: attributes with a coefficient for each alternative. covariates: terms of what describes those who choose,
    as far as interactions name them. interactions: products of these; each names two or more attributes, covariates,
    single columns, or `asc` for all constants.
    """

    terms: tuple[Term, ...]
    constants: tuple[str, ...]
    base: str | None
    none: str | None
    alternative_column: str
    alternatives: tuple[str, ...] = ()
    splits: tuple[Split, ...] = ()
    covariates: tuple[Term, ...] = ()
    interactions: tuple[tuple[str, ...], ...] = ()

    def __post_init__(self) -> None:
        if self.constants and not self.alternatives:
            known = (*self.constants, *(() if self.base is None else (self.base,)))
            object.__setattr__(self, "alternatives", known)
        problems = self._width_problems()
        if not problems:
            check_splits(self.splits, self.attributes, self.alternatives, problems)
            check_interactions(self.interactions, self.parts, problems)
        if problems:
            raise DataError(problems)

    @classmethod
    def from_data(
        cls,
        data: ChoiceData,
        *,
        options: Mapping[str, CodingOption] | None = None,
        constants: bool = False,
        base: str | None = None,
        interactions: Sequence[Sequence[str]] = (),
    ) -> Self:
        """Fix the coding on choice data.

        options: coding of attributes and covariates that shall not have the default one. constants: whether
        alternatives have constants. base: the alternative without one (default: the last sorted).
        interactions: see the class.
        Raises DataError with every option that does not fit the data.
        """
        check_choice_data(data)
        problems: list[Problem] = []
        options = options or {}
        named = tuple(name for name in data.alternatives if name != data.none)
        wanted = _mentioned(data.covariates, interactions)
        _check_options(options, data, problems)
        terms = _terms([item.take(~data.is_none) for item in data.attributes], options, problems)
        covariates = _terms(wanted, options, problems)
        splits = [make_split(term.attribute, options.get(term.attribute), named) for term in terms]
        crossed = constants or any(CONSTANTS in names for names in interactions)
        coding = cls(
            terms=terms,
            constants=(),
            base=_base(named, base, crossed, problems),
            none=data.none,
            alternative_column=data.alternative_column,
            alternatives=named,
            covariates=covariates,
        )
        chosen = tuple(split for split in splits if split is not None)
        check_splits(chosen, coding.attributes, named, problems)
        coding = coding if problems else replace(coding, splits=chosen)
        check_interactions(interactions, coding.parts, problems, [item.name for item in data.covariates])
        if problems:
            raise DataError(problems)
        coding = replace(
            coding,
            constants=tuple(name for name in named if constants and name != coding.base),
            interactions=tuple(map(tuple, interactions)),
        )
        coding._check_columns()
        return coding._pruned()

    @cached_property
    def parts(self) -> Parts:
        """What names stand for."""
        return Parts.of(self.terms, self.splits, self.covariates, self.alternatives, base=self.base, none=self.none)

    @cached_property
    def listed(self) -> tuple[Column, ...]:
        """The columns of the design, in order, each with its factors."""
        parts = self.parts
        attributes = [column for term in self.terms for column in parts.attributes[term.attribute]]
        constants = [Column(constant_name(name), (indicator(name),)) for name in self.constants]
        crossed = [column for names in self.interactions for column in parts.cross(names)]
        return (*attributes, *constants, *parts.none, *crossed)

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns of the design, in order."""
        return tuple(column.name for column in self.listed)

    @property
    def attributes(self) -> tuple[str, ...]:
        """Names of the attributes, in order."""
        return tuple(term.attribute for term in self.terms)

    def columns_of(self, name: str) -> tuple[str, ...]:
        """The columns of an attribute (without its interactions), or the column itself; empty when it is neither."""
        if name in self.parts.attributes:
            return tuple(column.name for column in self.parts.attributes[name])
        return (name,) if name in self.columns else ()

    def products_with(self, column: str) -> tuple[str, ...]:
        """The columns in which the one of this name is multiplied with something more."""
        own = next((set(one.factors), len(one.factors)) for one in self.listed if one.name == column)
        return tuple(one.name for one in self.listed if own[0] <= set(one.factors) and len(one.factors) > own[1])

    def _width_problems(self) -> list[Problem]:
        """Too many columns are told before they are made."""
        width = {term.attribute: len(term.columns) for term in (*self.terms, *self.covariates)}
        width |= {split.attribute: width.get(split.attribute, 0) * len(split.alternatives) for split in self.splits}
        indicators = {CONSTANTS: len(self.alternatives), **width}
        crossed = (math.prod(indicators.get(name, 1) for name in names) for names in self.interactions)
        count = sum(width.values()) + len(self.constants) + sum(crossed)
        do = "split or cross attributes of fewer levels"
        problem = Problem("the model", f"has about {count} columns", f"at most {MOST_COLUMNS}", do)
        return [problem] if count > MOST_COLUMNS else []

    def _pruned(self) -> Self:
        """Without alternatives and covariates that no column depends on, so that offers need not name them."""
        factors = {name for column in self.listed for name in column.factors}
        named = self.alternatives if factors.intersection(map(indicator, self.alternatives)) else ()
        covariates = tuple(term for term in self.covariates if factors.intersection(term.columns))
        return replace(self, alternatives=named, covariates=covariates)

    def _check_columns(self) -> None:
        if not self.columns:
            do = "name attributes, or ask for constants"
            raise DataError([Problem("the model", "has no columns", "at least one", do)])
        simple = [name for term in (*self.terms, *self.covariates) for name in term.columns]
        names = [*self.columns, *(name for name in simple if name not in self.columns)]
        repeated = sorted({name for name in (*names, *simple) if names.count(name) > 1 or simple.count(name) > 1})
        if repeated:
            found = "two columns of the design have this name"
            do = "rename an attribute, a level or an alternative"
            raise DataError([Problem(f"'{name}'", found, "one name per column", do) for name in repeated])


def _terms(
    items: Iterable[Attribute], options: Mapping[str, CodingOption], problems: list[Problem]
) -> tuple[Term, ...]:
    made = [make_term(item, simple_option(options.get(item.name)), problems) for item in items]
    return tuple(term for term in made if term is not None)


def _mentioned(covariates: Iterable[Attribute], interactions: Iterable[Sequence[str]]) -> list[Attribute]:
    """The covariates that interactions name, whole or by a column."""
    named = {name for names in interactions for name in names}
    return [item for item in covariates if any(name == item.name or name.startswith(f"{item.name}_") for name in named)]


def _check_options(options: Mapping[str, CodingOption], data: ChoiceData, problems: list[Problem]) -> None:
    names = [item.name for item in (*data.attributes, *data.covariates)]
    problems.extend(
        Problem(f"coding of '{name}'", "no such attribute", nearest(name, names), "name an attribute of the data")
        for name in options
        if name not in names
    )
    problems.extend(
        Problem(
            where=f"coding of '{item.name}'",
            found="a covariate cannot be split by alternatives",
            allowed="it is the same for all of them",
            do=f"cross it with the constants: interactions=[('{CONSTANTS}', '{item.name}')]",
        )
        for item in data.covariates
        if item.name in options and simple_option(options[item.name]) is not options[item.name]
    )


def _base(named: tuple[str, ...], base: str | None, used: bool, problems: list[Problem]) -> str | None:
    """The alternative without a constant."""
    if not used:
        if base is not None:
            problems.append(Problem(f"base='{base}'", "there are no constants", "constants=True", "ask for constants"))
        return None
    if base is not None and label(base) not in named:
        do = "name an alternative of the data"
        problems.append(Problem(f"base='{base}'", "no such alternative", nearest(label(base), named), do))
    return named[-1] if base is None else label(base)
