"""How an attribute may be coded, and the term that follows from an option and the data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from marketfit.demand.arrays import label
from marketfit.demand.choices.attribute import Attribute
from marketfit.demand.coding.columns import Split
from marketfit.demand.coding.terms import LevelsTerm, LinearTerm, PiecewiseTerm, Term
from marketfit.errors import Problem, nearest

MOST_KNOTS = 12
"""Above this many distinct values, knots are to be named: one slope per tested level would fit noise."""


@dataclass(frozen=True)
class Piecewise:
    """Piecewise linear with these interior knots, in the unit of the attribute; the tested range adds the ends."""

    knots: tuple[float, ...]


@dataclass(frozen=True)
class Levels:
    """Dummy coded with this base level."""

    base: str


SimpleOption: TypeAlias = Literal["linear", "piecewise", "levels"] | Piecewise | Levels


@dataclass(frozen=True)
class ByAlternative:
    """A coefficient of its own for each alternative, in place of one for all: columns such as `time:train`.

    alternatives: those for which the attribute counts (default: all); for the others it plays no part.
    coded: how the attribute is coded first (default: as without this).
    """

    alternatives: tuple[str, ...] | None = None
    coded: SimpleOption | None = None


CodingOption: TypeAlias = SimpleOption | ByAlternative | Literal["by-alternative"]
"""How an attribute is coded. Numbers are linear and text is levels unless told otherwise; the base is the first level
that occurs, in the order of an ordered categorical column or of a design space, else sorted.
"""


def simple_option(option: CodingOption | None) -> SimpleOption | None:
    """How an attribute is coded before it is split by alternatives, if it is."""
    if isinstance(option, ByAlternative):
        return option.coded
    return None if option == "by-alternative" else option


def make_split(attribute: str, option: CodingOption | None, alternatives: Sequence[str]) -> Split | None:
    """The split of an attribute by alternatives, where the option asks for one."""
    if option != "by-alternative" and not isinstance(option, ByAlternative):
        return None
    wanted = option.alternatives if isinstance(option, ByAlternative) else None
    return Split(attribute, tuple(alternatives if wanted is None else dict.fromkeys(map(label, wanted))))


def make_term(used: Attribute, option: SimpleOption | None, problems: list[Problem]) -> Term | None:
    """The term of one attribute; None, with a problem, when the option does not fit it.

    used: the attribute on the rows that have attributes (all but those of the none option).
    """
    name = used.name
    if not _is_option(option):
        allowed = "'linear', 'piecewise', 'levels', Piecewise(knots), Levels(base), 'by-alternative' or ByAlternative"
        problems.append(Problem(f"coding of '{name}'", f"unknown option {option!r}", allowed, "use one of these"))
        return None
    if option == "levels" or isinstance(option, Levels) or (option is None and used.levels is not None):
        return _levels_term(used, option.base if isinstance(option, Levels) else None, problems)
    if used.levels is not None:
        found = f"text cannot be coded {option!r}"
        problems.append(Problem(f"coding of '{name}'", found, "'levels'", "code it by levels, or give numbers"))
        return None
    if option == "piecewise" or isinstance(option, Piecewise):
        return _piecewise_term(used, option.knots if isinstance(option, Piecewise) else None, problems)
    return LinearTerm(name, float(used.numbers.min()), float(used.numbers.max()))


def _is_option(option: object) -> bool:
    return option is None or option in ("linear", "piecewise", "levels") or isinstance(option, (Piecewise, Levels))


def _levels_term(used: Attribute, base: str | None, problems: list[Problem]) -> LevelsTerm | None:
    if used.levels is not None:
        levels = used.present
    else:
        levels = tuple(label(number) for number in np.unique(used.numbers).tolist())
    where = f"attribute '{used.name}'"
    if len(levels) < 2:
        problems.append(Problem(where, f"has the single level '{levels[0]}'", "two or more", "drop the attribute"))
        return None
    if len(levels) > MOST_KNOTS and 2 * len(levels) > used.values.size:
        found = f"has {len(levels)} levels in {used.values.size} rows, such as '{levels[0]}' and '{levels[1]}'"
        do = "merge levels, code numbers 'linear' or 'piecewise', or drop what names the row"
        problems.append(Problem(where, found, "levels that come up again and again", do))
        return None
    base = levels[0] if base is None else label(base)
    if base not in levels:
        problems.append(Problem(where, f"unknown base level '{base}'", nearest(base, levels), "name a tested level"))
        return None
    return LevelsTerm(used.name, levels, base)


def _piecewise_term(used: Attribute, knots: tuple[float, ...] | None, problems: list[Problem]) -> PiecewiseTerm | None:
    tested = np.unique(used.numbers)
    where = f"coding of '{used.name}'"
    low, high = float(tested[0]), float(tested[-1])
    if tested.size < 2:
        problems.append(Problem(where, f"the only tested value is {low:g}", "two or more", "drop the attribute"))
        return None
    if knots is None:
        if tested.size > MOST_KNOTS:
            found = f"{tested.size} tested values are too many for one slope each"
            problems.append(Problem(where, found, f"at most {MOST_KNOTS}", "name knots: Piecewise((…, …))"))
            return None
        return PiecewiseTerm(used.name, tuple(tested.tolist()))
    if not all(low < knot < high for knot in knots) or list(knots) != sorted(set(knots)):
        allowed = f"ascending, between {low:g} and {high:g}"
        problems.append(Problem(where, f"the knots are {', '.join(f'{knot:g}' for knot in knots)}", allowed, "correct"))
        return None
    return PiecewiseTerm(used.name, (low, *(float(knot) for knot in knots), high))
