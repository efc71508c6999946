"""The arguments that only the mixed logit has, checked against the coding and the data."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from marketfit.demand.arrays import FloatArray, IntArray
from marketfit.demand.choices.data import ChoiceData
from marketfit.demand.coding.coding import Coding
from marketfit.demand.models.arguments import signs_by_column
from marketfit.demand.models.mixed.tastes import CORRELATED, DISTRIBUTIONS, Distribution
from marketfit.errors import DataError, Problem, nearest


def random_by_column(
    coding: Coding, random: Mapping[str, Distribution], problems: list[Problem]
) -> dict[str, Distribution]:
    """Column → distribution, in the order of the columns, from distributions by attribute or column."""
    found: dict[str, Distribution] = {}
    if not hasattr(random, "items"):
        allowed = f"name → distribution: {', '.join(DISTRIBUTIONS)}"
        do = 'say how each taste is distributed, such as random={"price": "normal"}'
        problems.append(Problem("random", f"is a {type(random).__name__}", allowed, do))
        return found
    if not random:
        problems.append(Problem("random", "names no coefficient", "at least one", "name some, or use fit_mnl"))
    for name, distribution in random.items():
        where = f"random['{name}']"
        columns = coding.columns_of(name)
        if not columns:
            known = {*coding.columns, *coding.attributes}
            problems.append(Problem(where, "no such attribute or column", nearest(name, known), "rename it"))
        if distribution not in DISTRIBUTIONS:
            allowed = nearest(str(distribution), DISTRIBUTIONS)
            problems.append(Problem(where, f"unknown distribution {distribution!r}", allowed, "name one of these"))
        clash = [column for column in columns if found.get(column, distribution) != distribution]
        if clash:
            other = f"column '{clash[0]}' is {found[clash[0]]} elsewhere"
            problems.append(Problem(where, other, "one distribution per column", "drop one"))
        found.update(dict.fromkeys(columns, distribution))
    return {column: found[column] for column in coding.columns if column in found}


def check_signs(
    coding: Coding, random: Mapping[str, Distribution], signs: Mapping[str, int], problems: list[Problem]
) -> dict[str, int]:
    """Column → sign; a coefficient that takes both signs cannot have one."""
    try:
        by_column = signs_by_column(coding, signs)
    except DataError as error:
        problems.extend(error.problems)
        return {}
    problems.extend(
        Problem(
            where=f"signs of '{column}'",
            found=f"its coefficient is {random[column]}, which has people on both sides of 0",
            allowed="a sign for fixed and for log-normal coefficients",
            do="make it log-normal or fixed, or drop the sign",
        )
        for column in by_column
        if random.get(column, "log-normal") != "log-normal"
    )
    return by_column


def check_correlated(random: Mapping[str, Distribution], problems: list[Problem]) -> None:
    """Add a problem unless two coefficients or more can be correlated."""
    able = [column for column, distribution in random.items() if distribution in CORRELATED]
    if len(able) < 2:
        found = f"correlated=True, and {len(able)} of the random columns can be correlated"
        do = "make another coefficient normal or log-normal, or leave `correlated` out"
        problems.append(Problem("correlated", found, "two normal or log-normal columns, or more", do))


def check_names(names: tuple[str, ...], problems: list[Problem]) -> None:
    """Add a problem for every two coefficients of one name."""
    problems.extend(
        Problem(f"'{name}'", "two coefficients have this name", "one each", "rename the attribute")
        for name in sorted({name for name in names if names.count(name) > 1})
    )


def unit_weights(data: ChoiceData, unit: IntArray, weights: FloatArray) -> FloatArray:
    """(units,) the weight of each unit. Raises DataError when tasks of one unit differ in weight: the likelihood of a
    person is that of all answers at once, and has one weight.
    """
    first = np.flatnonzero(np.diff(unit, prepend=-1))
    uneven = unit[weights != np.repeat(weights[first], np.diff(first, append=unit.size))]
    if uneven.size and data.respondent is not None and data.respondent_labels is not None:
        who = data.respondent_labels[data.respondent[first[np.unique(uneven)]]].tolist()
        more = f" and {len(who) - 5} more" if len(who) > 5 else ""
        raise DataError(
            [
                Problem(
                    where=f"weights of respondent {', '.join(map(str, who[:5]))}{more}",
                    found="differ between the tasks of one respondent",
                    allowed="one weight per respondent: tastes are kept over the tasks, which count together",
                    do="give all tasks of a respondent the same weight, or fit with panel=False",
                )
            ]
        )
    return weights[first]
