"""What the columns of a design are: products of simple columns, which belong to one thing each.

Simple columns are those of the terms of attributes and covariates, one indicator per alternative, and that of the none
option.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from marketfit.demand.coding.terms import Term
from marketfit.errors import Problem, nearest

NONE_COLUMN = "none"
CONSTANTS = "asc"
"""What interactions call the constants of all alternatives but the base."""


@dataclass(frozen=True)
class Column:
    """One column of a design: the product of these simple columns."""

    name: str
    factors: tuple[str, ...]


@dataclass(frozen=True)
class Split:
    """An attribute with one coefficient for each of these alternatives, in place of one for all."""

    attribute: str
    alternatives: tuple[str, ...]


@dataclass(frozen=True)
class Parts:
    """Name → the columns that it stands for, in the order of the design; from these, interactions are made."""

    attributes: Mapping[str, tuple[Column, ...]]
    covariates: Mapping[str, tuple[Column, ...]]
    constants: tuple[Column, ...]
    indicators: tuple[Column, ...]
    none: tuple[Column, ...]

    @classmethod
    def of(
        cls,
        terms: Iterable[Term],
        splits: Iterable[Split],
        covariates: Iterable[Term],
        alternatives: tuple[str, ...],
        *,
        base: str | None,
        none: str | None,
    ) -> Parts:
        """The parts of a coding. alternatives: those that columns may depend on; base: the one without a constant."""
        split = {item.attribute: item.alternatives for item in splits}
        return cls(
            attributes={term.attribute: _of_term(term, split.get(term.attribute)) for term in terms},
            covariates={term.attribute: _of_term(term, None) for term in covariates},
            constants=tuple(Column(constant_name(name), (indicator(name),)) for name in alternatives if name != base),
            indicators=tuple(Column(constant_name(name), (indicator(name),)) for name in alternatives),
            none=() if none is None else (Column(NONE_COLUMN, (NONE_COLUMN,)),),
        )

    def find(self, name: str) -> tuple[Column, ...]:
        """The columns of an attribute or covariate, of all constants (`asc`), or the single column of this name."""
        groups = {CONSTANTS: self.constants, **self.covariates, **self.attributes}
        if name in groups:
            return groups[name]
        # A column of the table may be called like a constant: then it is meant.
        single = (*itertools.chain.from_iterable(groups.values()), *self.indicators, *self.none)
        given = [column for column in single if column.name == name and column not in self.indicators]
        return tuple((given or [column for column in self.indicators if column.name == name])[:1])

    def is_covariate(self, name: str) -> bool:
        """Whether the name stands for nothing but what describes those who choose."""
        columns = {column for group in self.covariates.values() for column in group}
        return bool(self.find(name)) and columns.issuperset(self.find(name))

    @property
    def names(self) -> tuple[str, ...]:
        """Everything that `find` knows."""
        groups = {CONSTANTS: self.constants, **self.covariates, **self.attributes}
        columns = [*itertools.chain.from_iterable(groups.values()), *self.indicators, *self.none]
        names = [*(name for name, group in groups.items() if group), *(column.name for column in columns)]
        return tuple(dict.fromkeys(names))

    def cross(self, names: Sequence[str]) -> tuple[Column, ...]:
        """The columns of an interaction: each product of one column of every name."""
        return tuple(
            Column(":".join(column.name for column in chosen), tuple(f for column in chosen for f in column.factors))
            for chosen in itertools.product(*map(self.find, names))
        )


def check_splits(
    splits: Iterable[Split], attributes: Sequence[str], alternatives: Sequence[str], problems: list[Problem]
) -> None:
    """Add splits of attributes or by alternatives that are not there."""
    known = set(alternatives)
    for split in splits:
        where = f"coding of '{split.attribute}'"
        if split.attribute not in attributes:
            problems.append(Problem(where, "no such attribute", nearest(split.attribute, attributes), "rename it"))
        if not split.alternatives:
            problems.append(Problem(where, "names no alternative", "one or more", "name them, or drop the attribute"))
        problems.extend(
            Problem(where, f"no alternative '{name}'", nearest(name, alternatives), "name alternatives of the data")
            for name in split.alternatives
            if name not in known
        )


def check_interactions(
    interactions: Iterable[Sequence[str]], parts: Parts, problems: list[Problem], others: Iterable[str] = ()
) -> None:
    """Add interactions of things that are not there, and those that no alternative would differ in.

    others: what could be named too.
    """
    known = {*parts.names, *others}
    for names in interactions:
        shown = ":".join(names) if not isinstance(names, str) else names
        where = f"interaction '{shown}'"
        if isinstance(names, str) or len(names) < 2:
            do = "write a pair such as ('price', 'income')"
            problems.append(Problem(where, "names a single thing", "two or more names", do))
            continue
        unknown = [name for name in names if not parts.find(name)]
        problems.extend(
            Problem(where, f"unknown '{name}'", nearest(name, known), "name an attribute, covariate or constant")
            for name in unknown
        )
        if not unknown and all(parts.is_covariate(name) for name in names):
            found, do = "all alternatives of a task have the same value", f"cross with '{CONSTANTS}' or an attribute"
            problems.append(Problem(where, found, "at least one thing that differs between alternatives", do))


def constant_name(alternative: str) -> str:
    """The name of an alternative's constant.

    >>> constant_name("train")
    'asc_train'
    """
    return f"{CONSTANTS}_{alternative}"


def indicator(alternative: str) -> str:
    """The simple column that is 1 for an alternative and 0 for the others; attributes may be called as constants are.

    >>> indicator("train")
    'alternative=train'
    """
    return f"alternative={alternative}"


def _of_term(term: Term, alternatives: tuple[str, ...] | None) -> tuple[Column, ...]:
    if alternatives is None:
        return tuple(Column(name, (name,)) for name in term.columns)
    return tuple(
        Column(f"{name}:{alternative}", (name, indicator(alternative)))
        for name in term.columns
        for alternative in alternatives
    )
