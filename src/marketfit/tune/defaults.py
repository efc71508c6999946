"""The recipes that every study starts from, and the range around each in which the search looks.

Length of a training: at least 300 optimiser steps and at least 4 passes over the data, at most 20 passes; batches of
64, or of 32 below 2,000 rows. A small data set so gets many passes, a large one few. A static model, whose steps cost
next to nothing, gets 3 times as many passes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from marketfit.records.models import Backbone, Recipe, TermSpec

Method = Literal["probe", "full", "lora"]

STEPS = 300
FEWEST_PASSES, MOST_PASSES = 4, 20
SMALL = 2000
STATIC_FACTOR = 3

TITLES: Mapping[str, str] = {"probe": "probe", "full": "full fine-tuning", "lora": "LoRA"}


@dataclass(frozen=True)
class Range:
    """Where a hyper-parameter is searched: a logarithmic or plain interval, or whole numbers."""

    low: float
    high: float
    log: bool = False
    whole: bool = False


def batch_size(rows: int) -> int:
    """Rows of one optimiser step."""
    return 32 if rows < SMALL else 64


def passes(rows: int, *, static: bool = False) -> int:
    """Passes over the data of a full training.

    >>> [passes(rows) for rows in (100, 1000, 5000, 15000)]
    [20, 10, 4, 4]
    """
    needed = math.ceil(STEPS * batch_size(rows) / max(1, rows))
    return min(max(needed, FEWEST_PASSES), MOST_PASSES) * (STATIC_FACTOR if static else 1)


def default_recipe(backbone: Backbone, method: Method, *, rows: int, terms: tuple[TermSpec, ...]) -> Recipe:
    """The recipe of a method before anything is known."""
    if method == "probe":
        return Recipe(method="probe", learning_rate=0.0, epochs=0.0, regularisation=1.0, terms=terms)
    rate = {"full": 2e-3 if backbone.static else 3e-4, "lora": 1e-3}[method]
    return Recipe(
        method=method,
        learning_rate=rate,
        epochs=float(passes(rows, static=backbone.static)),
        batch_size=batch_size(rows),
        terms=terms,
    )


def search_space(backbone: Backbone, method: Method, *, rows: int) -> dict[str, Range]:
    """What the search varies of a method's recipe: field of the recipe → range, the default inside."""
    if method == "probe":
        return {"regularisation": Range(0.01, 100.0, log=True)}
    usual = passes(rows, static=backbone.static)
    epochs = Range(max(1, usual // 2), usual * 2, log=True, whole=True)
    if backbone.static:
        return {"learning_rate": Range(3e-4, 1e-2, log=True), "epochs": epochs}
    space = {
        "learning_rate": Range(5e-5, 1e-3, log=True) if method == "full" else Range(2e-4, 5e-3, log=True),
        "epochs": epochs,
        "dropout": Range(0.0, 0.3),
        "weight_decay": Range(1e-3, 0.1, log=True),
    }
    return space | ({"rank": Range(4, 32, log=True, whole=True)} if method == "lora" else {})
