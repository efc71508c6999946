"""Level codes as choice data and rows: the same as what a survey file gives, and as what the coding says."""

from __future__ import annotations

import itertools

import numpy as np
import polars as pl
import pytest

from marketfit.demand import (
    ChoiceData,
    Coding,
    Design,
    DesignSpace,
    Levels,
    Piecewise,
    balanced_design,
    simulate_answers,
    space_coding,
)
from marketfit.demand.arrays import IntArray
from marketfit.demand.choices.table import DEFAULT_NONE
from marketfit.demand.designs.coded import NONE, Rows, as_choices
from marketfit.errors import DataError

SPACE = DesignSpace({"brand": ("b", "a", "c"), "size": (1.0, 2.0, 4.0), "price": (1.0, 3.0)}, tasks=4, versions=2)


def every_task(space: DesignSpace) -> IntArray:
    profiles = np.array(list(itertools.product(*(range(size) for size in space.sizes))))
    rng = np.random.default_rng(0)
    return np.stack([rng.permutation(profiles) for _ in range(space.alternatives)], axis=1)


def survey_file(space: DesignSpace, tasks: IntArray) -> pl.DataFrame:
    """The long table of tasks of which the second alternative is chosen."""
    rows = []
    for number, task in enumerate(tasks.tolist()):
        for place, codes in enumerate(task):
            cells = [levels[code] for levels, code in zip(space.levels.values(), codes, strict=True)]
            rows.append((number, str(place + 1), int(place == 1), *cells))
        rows.append((number, "none", 0, *[None] * len(space.levels)))
    table = pl.DataFrame(rows, schema=["task", "alternative", "chosen", *space.levels], orient="row")
    return table.with_columns(pl.col("brand").cast(pl.Enum([str(level) for level in space.levels["brand"]])))


def test_tasks_are_the_choice_data_that_their_survey_file_gives() -> None:
    tasks = every_task(SPACE)
    ours = as_choices(SPACE, tasks, chosen=np.ones(len(tasks), dtype=np.int64))
    read = ChoiceData.from_table(
        survey_file(SPACE, tasks),
        task="task",
        alternative="alternative",
        chosen="chosen",
        attributes=list(SPACE.levels),
    )
    assert (ours.alternatives, ours.none, NONE) == (read.alternatives, read.none, DEFAULT_NONE)
    for name in ("alternative", "is_none", "row", "starts", "sizes", "chosen", "weights"):
        assert np.array_equal(getattr(ours, name), getattr(read, name)), name
    for mine, theirs in zip(ours.attributes, read.attributes, strict=True):
        assert (mine.name, mine.levels) == (theirs.name, theirs.levels)
        assert np.array_equal(mine.values, theirs.values)
    options = {"size": "piecewise", "price": "levels"}
    assert space_coding(SPACE, options) == Coding.from_data(read, options=options)  # type: ignore[arg-type]


@pytest.mark.parametrize("none", [True, False])
@pytest.mark.parametrize("constants", [True, False])
def test_rows_are_those_of_the_coding(none: bool, constants: bool) -> None:
    space = DesignSpace(SPACE.levels, tasks=4, none=none)
    coding = space_coding(space, {"brand": Levels("c"), "size": Piecewise((1.5, 3.0))}, constants=constants)
    tasks = every_task(space)
    told = coding.design(as_choices(space, tasks)).matrix.reshape(len(tasks), 3 + none, -1)
    expected = told[:, :3] - told[:, 3:] if none else told
    rows = Rows.of(space, coding)
    assert not rows.pairs
    assert rows(tasks) == pytest.approx(expected, abs=1e-12)
    assert rows.at(tasks[:, 1], np.ones(len(tasks), dtype=np.int64)) == pytest.approx(expected[:, 1], abs=1e-12)


class Products(Coding):
    """A coding with a column of products of numeric attributes, as an interaction would add."""

    @property
    def columns(self) -> tuple[str, ...]:
        return (*super().columns, "product")

    def design(self, data: ChoiceData) -> Design:
        matrix = super().design(data).matrix
        named = [attribute.numbers for attribute in data.attributes if attribute.name in self.base.split("*")]  # type: ignore[union-attr]
        product = np.where(data.is_none, 0.0, np.prod(named, axis=0))
        return Design(np.concatenate([matrix, product[:, None]], axis=1), ())


def with_product(space: DesignSpace, of: str) -> Products:
    plain = space_coding(space)
    return Products(plain.terms, (), of, plain.none, plain.alternative_column)


def test_interactions_of_two_attributes_are_rows_too_and_of_three_are_refused() -> None:
    space = DesignSpace({"a": (1.0, 2.0, 4.0), "b": (1.0, 3.0), "c": (2.0, 5.0)})
    coding, tasks = with_product(space, "a*b"), every_task(space)
    rows = Rows.of(space, coding)
    assert list(rows.pairs) == [(0, 1)]
    told = coding.design(as_choices(space, tasks)).matrix.reshape(len(tasks), 4, -1)
    assert rows(tasks) == pytest.approx(told[:, :3] - told[:, 3:], abs=1e-12)
    with pytest.raises(DataError, match="three or more attributes work together"):
        Rows.of(space, with_product(space, "a*b*c"))


def test_a_coding_that_does_not_fit_is_refused() -> None:
    with pytest.raises(DataError, match="smaller range of price"):
        Rows.of(SPACE, space_coding(DesignSpace({**SPACE.levels, "price": (1.0, 2.0)})))
    with pytest.raises(DataError, match="unknown level 'c'"):
        Rows.of(SPACE, space_coding(DesignSpace({**SPACE.levels, "brand": ("a", "b")})))
    with pytest.raises(DataError, match="has a none option, which the design does not offer"):
        Rows.of(DesignSpace(SPACE.levels, none=False), space_coding(SPACE))


def test_simulated_people_choose_by_their_coefficients() -> None:
    design, coding = balanced_design(SPACE), space_coding(SPACE)
    coefficients = np.zeros((3000, len(coding.columns)))
    coefficients[:, coding.columns.index("none")] = 1.0
    data = simulate_answers(design, coding, coefficients, respondents=3000, rng=1)
    assert (data.tasks, data.respondents) == (12_000, 3000)
    chance = np.e / (np.e + 3)
    assert data.is_none[data.chosen].mean() == pytest.approx(chance, abs=4 * np.sqrt(chance * (1 - chance) / 12_000))
    for person in (0, 1, 2):  # versions in turn
        version = data.take(data.respondent == person)
        assert np.array_equal(
            version.attributes[1].numbers.reshape(4, 4)[:, :3],
            np.array(SPACE.levels["size"])[design.codes[person % 2, ..., 1]],
        )
