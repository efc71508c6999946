"""Offers as rows of the design matrix, with the problems of all of them told at once."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from marketfit.demand.arrays import FloatArray
from marketfit.demand.coding.coding import Coding, Design, Offer
from marketfit.errors import DataError, Problem


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
