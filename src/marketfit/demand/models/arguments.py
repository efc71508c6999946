"""Arguments that the fits share: what a model is made of, and weights, checked against the data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypedDict

import numpy as np

from marketfit.demand.arrays import FloatArray
from marketfit.demand.choices.data import ChoiceData, check_choice_data
from marketfit.demand.coding.coding import Coding
from marketfit.demand.coding.options import CodingOption
from marketfit.errors import DataError, Problem, nearest


class Specification(TypedDict, total=False):
    """What a model is made of, for every fit: how attributes enter utility, and which way.

    coding: options by attribute (see `CodingOption`), or a coding that was fixed before.
    constants: a constant for each alternative but the `base` (default: the last sorted), called `asc_<alternative>`.
    interactions: products such as ("price", "income") or ("asc", "income"), of attributes, covariates, constants
        (`asc` for all of them) or single columns; their columns are called `price:income`, `asc_<alternative>:income`.
    signs: attribute or column → 1 or −1: its coefficients are kept at or above, at or below 0.
    """

    coding: Coding | Mapping[str, CodingOption] | None
    constants: bool
    base: str | None
    interactions: Sequence[Sequence[str]]
    signs: Mapping[str, int] | None


def coding_of(data: ChoiceData, given: Specification) -> Coding:
    """The coding that a specification asks for. The first step of every fit: it raises DataError for other data too."""
    check_choice_data(data)
    coding, constants, base = given.get("coding"), given.get("constants", False), given.get("base")
    interactions = given.get("interactions", ())
    if not isinstance(coding, Coding):
        return Coding.from_data(data, options=coding, constants=constants, base=base, interactions=interactions)
    if constants or base is not None or interactions:
        found = "given together with a coding that is already fixed"
        do = "set them in Coding.from_data"
        raise DataError([Problem("constants, base, interactions", found, "one or the other", do)])
    return coding


def weights_of(data: ChoiceData, weights: FloatArray | None) -> FloatArray:
    if weights is None:
        weights = data.weights
    weights = np.asarray(weights, dtype=np.float64)
    if weights.shape != (data.tasks,):
        found, do = f"has shape {weights.shape}", "give one weight per task, in the order of the data's tasks"
        raise DataError([Problem("weights", found, f"({data.tasks},)", do)])
    if not (np.isfinite(weights).all() and (weights >= 0).all() and weights.any()):
        found = "hold a value that is negative, infinite or missing, or are all 0"
        raise DataError([Problem("weights", found, "numbers of at least 0, some above 0", "correct them")])
    return weights


def signs_by_column(coding: Coding, signs: Mapping[str, int]) -> dict[str, int]:
    """Column → sign, from signs by attribute or column."""
    problems = []
    by_column: dict[str, int] = {}
    for name, sign in signs.items():
        columns = coding.columns_of(name)
        if not columns:
            known = {*coding.columns, *coding.attributes}
            problems.append(Problem(f"signs['{name}']", "no such attribute", nearest(name, known), "rename it"))
        if sign not in (-1, 1):
            problems.append(Problem(f"signs['{name}']", f"is {sign!r}", "1 or -1", "say which way utility goes"))
        clash = [column for column in columns if by_column.get(column, sign) != sign]
        if clash:
            found = f"column '{clash[0]}' has the other sign elsewhere"
            problems.append(Problem(f"signs['{name}']", found, "one sign per column", "drop one"))
        by_column.update(dict.fromkeys(columns, sign))
    if problems:
        raise DataError(problems)
    return by_column


def bounds_of(columns: tuple[str, ...], signs: Mapping[str, int]) -> tuple[FloatArray, FloatArray]:
    """Lower and upper bound of every coefficient, (columns,) each."""
    lower = np.array([0.0 if signs.get(name) == 1 else -np.inf for name in columns])
    upper = np.array([0.0 if signs.get(name) == -1 else np.inf for name in columns])
    return lower, upper
