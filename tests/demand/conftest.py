"""Choice data made from known utilities."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl
import pytest

from marketfit.demand import ChoiceData, Coding, UtilityDraws
from marketfit.demand.coding.terms import LevelsTerm, LinearTerm, PiecewiseTerm

Maker = Callable[..., ChoiceData]


def simulated_table(
    seed: int = 0, *, people: int = 40, tasks: int = 5, none: bool = False, price: float = -0.8
) -> pl.DataFrame:
    """Long choice table: price 1 to 4, size, brand of three; two to four alternatives per task; logit choices."""
    rng = np.random.default_rng(seed)
    rows = []
    worth = {"ajax": 0.0, "bolt": 0.7, "crow": -0.4}
    for person in range(people):
        for task in range(tasks):
            count = int(rng.integers(2, 5))
            names = [*"wxyz"[:count], *(["none"] if none else [])]
            cells = [
                (float(rng.integers(1, 5)), float(rng.normal()), str(rng.choice(list(worth)))) for _ in range(count)
            ]
            utility = [price * p + 0.5 * s + worth[b] for p, s, b in cells] + ([-2.0] if none else [])
            won = int(np.argmax(np.array(utility) + rng.gumbel(size=len(utility))))
            for index, name in enumerate(names):
                p, s, b = cells[index] if name != "none" else (None, None, None)
                rows.append((person, task, name, int(index == won), p, s, b))
    columns = ["person", "task", "alt", "won", "price", "size", "brand"]
    return pl.DataFrame(rows, schema=columns, orient="row")


PLANTED = {
    "shares": (0.5, 0.3, 0.2),
    "price": (-1.5, -0.3, -0.4),
    "size": (0.3, 1.5, -0.5),
    "brand_bolt": (0.0, 1.0, 2.0),
    "brand_crow": (0.5, -0.5, 2.0),
}
"""Three classes of people who want different things: by class, their shares and coefficients."""


def planted_table(seed: int, *, people: int = 300, tasks: int = 10) -> tuple[pl.DataFrame, np.ndarray]:
    """Choices among three by people of PLANTED classes, and the class of each person."""
    rng = np.random.default_rng(seed)
    truth = rng.choice(3, size=people, p=PLANTED["shares"])
    rows = people * tasks * 3
    person = np.repeat(np.arange(people), tasks * 3)
    price, size, brand = rng.integers(1, 5, rows), rng.normal(size=rows), rng.integers(0, 3, rows)
    own = {name: np.array(values)[truth[person]] for name, values in PLANTED.items()}
    utility = own["price"] * price + own["size"] * size + own["brand_bolt"] * (brand == 1)
    utility += own["brand_crow"] * (brand == 2) + rng.gumbel(size=rows)
    won = np.zeros(rows, dtype=np.int64)
    won[np.arange(people * tasks) * 3 + utility.reshape(-1, 3).argmax(axis=1)] = 1
    columns = {"person": person, "task": np.tile(np.repeat(np.arange(tasks), 3), people), "won": won}
    alternative = np.array(["x", "y", "z"])[np.tile(np.arange(3), people * tasks)]
    brands = np.array(["ajax", "bolt", "crow"])[brand]
    table = pl.DataFrame({**columns, "alt": alternative, "price": price.astype(float), "size": size, "brand": brands})
    return table, truth


def choice_data(table: object, **options: object) -> ChoiceData:
    parts = {
        "respondent": "person",
        "task": "task",
        "alternative": "alt",
        "chosen": "won",
        "attributes": ["price", "size", "brand"],
    }
    return ChoiceData.from_table(table, **{**parts, **options})  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def make_table() -> Callable[..., pl.DataFrame]:
    return simulated_table


@pytest.fixture(scope="session")
def read_choices() -> Maker:
    return choice_data


@pytest.fixture(scope="session")
def data() -> ChoiceData:
    return choice_data(simulated_table())


@pytest.fixture(scope="session")
def data_with_none() -> ChoiceData:
    return choice_data(simulated_table(1, none=True))


@pytest.fixture(scope="session")
def planted() -> Callable[..., tuple[ChoiceData, np.ndarray]]:
    """Maker of choices of PLANTED classes, with the class of each person."""

    def make(seed: int, **options: int) -> tuple[ChoiceData, np.ndarray]:
        table, truth = planted_table(seed, **options)
        return choice_data(table), truth

    return make


@pytest.fixture(scope="session")
def planted_classes() -> tuple[np.ndarray, np.ndarray]:
    """Coefficients (classes, columns) and shares (classes,) of the PLANTED classes."""
    points = [values for name, values in PLANTED.items() if name != "shares"]
    return np.array(points).T, np.array(PLANTED["shares"])


Tastes = Callable[..., UtilityDraws]


def drawn_tastes(
    seed: int = 0,
    *,
    draws: int = 40,
    people: int = 6,
    none: bool = True,
    weighted: bool = False,
    spread: float = 1.0,
    price: LinearTerm | PiecewiseTerm | LevelsTerm | None = None,
) -> UtilityDraws:
    """Tastes made by hand: price 1 to 5 (disliked by all), quality 0 to 1, brand of three, and none."""
    rng = np.random.default_rng(seed)
    cost = price or LinearTerm("price", 1.0, 5.0)
    terms = (cost, LinearTerm("quality", 0.0, 1.0), LevelsTerm("brand", ("ajax", "bolt", "crow"), "ajax"))
    coding = Coding(terms, (), None, "none" if none else None, "alternative")
    means = [*([-0.8] * len(cost.columns)), 1.5, 0.7, -0.4, *([-2.5] if none else [])]
    values = np.array(means) + spread * rng.normal(size=(draws, people, len(means)))
    values[..., : len(cost.columns)] = -0.8 * np.exp(0.4 * spread * rng.normal(size=(draws, people, len(cost.columns))))
    weights = rng.uniform(0.1, 3.0, (draws, people)) if weighted else None
    return UtilityDraws(values, coding, 100, weights)


@pytest.fixture(scope="session")
def tastes() -> Tastes:
    return drawn_tastes
