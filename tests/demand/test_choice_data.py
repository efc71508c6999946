"""Reading choice tables: every kind of table gives the same data, and every mistake is told, all at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketfit.demand import (
    ChoiceData,
    check_respondents,
    cross_validate,
    fit_hb,
    fit_latent_class,
    fit_mixed,
    fit_mnl,
    hit_rate,
    log_loss,
)
from marketfit.demand.choices.columns import Codes
from marketfit.demand.choices.layout import lay_out
from marketfit.errors import DataError

Maker = Callable[..., ChoiceData]
GOOD: dict[str, list[object]] = {
    "person": [1, 1, 1, 1, 2, 2],
    "task": [1, 1, 2, 2, 1, 1],
    "alt": ["x", "y", "x", "y", "x", "y"],
    "won": [1, 0, 0, 1, 1, 0],
    "price": [1.0, 2.0, 3.0, 1.0, 2.0, 3.0],
    "size": [1, 2, 3, 4, 5, 7],
    "brand": ["a", "b", "a", "b", "b", "a"],
}


def changed(**cells: dict[int, object]) -> dict[str, list[object]]:
    """The good table with some cells changed: column → row (from 1) → value."""
    table = {name: list(column) for name, column in GOOD.items()}
    for name, by_row in cells.items():
        for row, value in by_row.items():
            table[name][row - 1] = value
    return table


def problems(read: Maker, table: object, **options: object) -> list[str]:
    with pytest.raises(DataError) as caught:
        read(table, **options)
    return [str(problem) for problem in caught.value.problems]


def test_every_kind_of_table_reads_alike(read_choices: Maker, make_table: Callable[..., pl.DataFrame]) -> None:
    table = make_table(3, none=True)
    kinds = [table, table.to_pandas(), table.to_arrow(), table.to_dict(as_series=False)]
    kinds += [table.with_columns(pl.col("brand").cast(pl.Categorical)), table.with_columns(pl.col("won").cast(bool))]
    first = read_choices(kinds[0])
    for other in map(read_choices, kinds[1:]):
        for name in ("alternative", "is_none", "row", "starts", "sizes", "chosen", "weights", "respondent"):
            np.testing.assert_array_equal(getattr(first, name), getattr(other, name), err_msg=name)
        for mine, theirs in zip(first.attributes, other.attributes, strict=True):
            np.testing.assert_array_equal(mine.values, theirs.values)
            assert mine.levels == theirs.levels


def test_rows_are_sorted_into_tasks_of_any_size(read_choices: Maker) -> None:
    table = {
        "person": ["b", "a", "a", "b", "b"],
        "task": [1, 1, 1, 1, 1],
        "alt": [2, 2, 1, 10, 1],
        "won": [True, False, True, False, False],
        "price": [3, 2, 1, 5, 4],
    }
    data = read_choices(table, attributes=["price"])
    assert data.alternatives == ("1", "2", "10")  # numbers sort as numbers
    assert data.row.tolist() == [2, 1, 4, 0, 3]
    assert (data.starts.tolist(), data.sizes.tolist(), data.chosen.tolist()) == ([0, 2], [2, 3], [0, 3])
    assert data.attributes[0].values.tolist() == [1, 2, 4, 3, 5]
    assert (data.tasks, data.rows, data.respondents) == (2, 5, 2)
    np.testing.assert_array_equal(data.in_table_order(data.attributes[0].numbers), [3, 2, 1, 5, 4])


@pytest.mark.parametrize(
    "won",
    [
        [True, False, False, True, True, False],
        [1.0, 0.0, 0.0, 1.0, 1.0, 0.0],
        ["yes", "no", "no", "yes", "yes", "no"],
        ["TRUE", "FALSE", "FALSE", "TRUE", "TRUE", "FALSE"],
        ["1", "0", "0", "1", " 1", "0"],
        ["x", "x", "y", "y", "x", "x"],
        pd.Categorical(["x", "x", "y", "y", "x", "x"]),
    ],
)
def test_the_choice_may_be_told_in_many_ways(read_choices: Maker, won: object) -> None:
    data = read_choices({**GOOD, "won": won})
    assert data.row[data.chosen].tolist() == [0, 3, 4]


@pytest.mark.parametrize(
    ("keys", "alternatives"),
    [(["a", "a", "b", "b", "c", "c"], list("xyxyxy")), ([2.0, 2.0, 1.0, 1.0, 3.0, 3.0], [7, 10, 7, 10, 7, 10])],
)
def test_ids_may_be_text_or_numbers(read_choices: Maker, keys: list[object], alternatives: list[object]) -> None:
    data = read_choices({**GOOD, "task": keys, "alt": alternatives}, respondent=None)
    assert (data.tasks, data.rows) == (3, 6)
    assert data.alternatives == tuple(map(str, alternatives[:2]))


def test_without_respondents_tasks_stand_alone(read_choices: Maker) -> None:
    table = changed(task={5: 3, 6: 3})
    data = read_choices(table, respondent=None)
    assert (data.tasks, data.respondents, data.respondent) == (3, 0, None)


def test_one_column_may_say_who_and_which_task(read_choices: Maker) -> None:
    table = changed(task={3: 2, 4: 2, 5: 3, 6: 3})
    data = read_choices(table, respondent="task")
    assert (data.tasks, data.respondents) == (3, 3)
    assert repr(data) == (
        "<ChoiceData: 3 tasks of 3 respondents, 6 rows, 2 alternatives, described by price, size, brand>"
    )


def test_arrays_are_read_only(data: ChoiceData) -> None:
    with pytest.raises(ValueError, match="read-only"):
        data.weights[0] = 2.0


def test_take_keeps_whole_tasks(data: ChoiceData) -> None:
    mask = np.arange(data.tasks) % 3 == 0
    part = data.take(mask)
    assert part.tasks == mask.sum()
    assert part.sizes.sum() == part.rows
    rows = np.repeat(mask, data.sizes)
    np.testing.assert_array_equal(part.row, data.row[rows])
    np.testing.assert_array_equal(part.row[part.chosen], data.row[data.chosen[mask]])
    np.testing.assert_array_equal(part.alternative[part.starts], data.alternative[data.starts[mask]])


def test_none_is_recognised_only_when_empty(read_choices: Maker) -> None:
    cells: dict[int, object] = {2: "none", 4: "none", 6: "none"}
    empty: dict[int, object] = dict.fromkeys((2, 4, 6))
    data = read_choices(changed(alt=cells, price=empty, size=empty, brand=empty))
    assert data.none == "none"
    assert data.row[data.is_none].tolist() == [1, 3, 5]
    assert data.attributes[0].values[data.is_none].tolist() == [0, 0, 0]
    assert data.attributes[2].values[data.is_none].tolist() == [-1, -1, -1]
    full = read_choices(changed(alt=cells))
    assert full.none is None
    assert not full.is_none.any()
    zero: dict[int, object] = dict.fromkeys((2, 4, 6), 0)
    assert read_choices(changed(price=zero, size=zero, brand=empty), none="y").none == "y"


def test_weights_are_one_per_task(read_choices: Maker) -> None:
    data = read_choices({**GOOD, "w": [2, 2, 1, 1, 0, 0]}, weights="w")
    assert data.weights.tolist() == [2, 1, 0]


@pytest.mark.parametrize(
    ("table", "parts"),
    [
        (changed(won={2: 1}), ["rows 1, 2", "two or more are chosen"]),
        (changed(won={4: 0}), ["row 3", "nothing is chosen"]),
        (changed(won={1: 2}), ["'won', row 1", "value '2'"]),
        (changed(won={1: None}), ["'won', row 1", "missing"]),
        (changed(alt={2: "x"}), ["row 2", "already in the task"]),
        (changed(alt={3: None}), ["'alt', row 3", "alternative is missing"]),
        (changed(alt={3: "  "}), ["'alt', row 3", "alternative is missing"]),
        (changed(person={5: None}), ["'person', row 5", "respondent is missing"]),
        (changed(task={5: None}), ["'task', row 5", "task is missing"]),
        (changed(task={6: 9}, won={6: 1}), ["rows 5, 6", "single alternative"]),
        (changed(price={2: None, 4: float("inf")}), ["'price', rows 2, 4", "missing or infinite"]),
        (changed(brand={3: ""}), ["'brand', row 3", "value is missing"]),
        (changed(price={6: "dear"}), ["'price', row 6", "text such as 'dear' in a column of numbers"]),
        (changed(brand={6: "12"}), ["'brand', row 6", "a number such as '12' in a column of text"]),
        (changed(price={3: float("nan")}, size={4: float("-inf")}), ["'size', row 4", "missing or infinite"]),
        (changed(price={3: "1,5"}), ["'price', row 3", "text such as '1,5' in a column of numbers"]),
        (changed(won={3: 1, 5: 0, 6: 1, 1: 1, 2: 1}), ["rows 1, 2, 3, 4", "tasks with this: 2"]),
        ({**GOOD, "won": list("yn") * 3}, ["'won', rows 1, 2", "the value 'y'", "1 or true"]),
        ({**GOOD, "won": ["yes", "no", None, "yes", "yes", "no"]}, ["'won', row 3", "missing"]),
        ({**GOOD, "won": ["x", "x", "y", "x", "x", "x"]}, ["row 3", "nothing is chosen"]),
        ({**GOOD, "won": ["x", "y", "y", "y", "x", "x"]}, ["rows 1, 2", "two or more are chosen"]),
        ({**GOOD, "won": [pd.Timestamp(2020, 1, 1)] * 6}, ["'won'", "timestamp", "1 or true"]),
        ({**GOOD, "size": [pd.Timestamp(2020, 1, 1)] * 6}, ["'size'", "timestamp", "numbers, booleans or text"]),
        (pl.DataFrame({**GOOD, "size": [[1, 2]] * 6}), ["'size'", "list", "numbers, booleans or text"]),
        (pa.table({**GOOD, "task": [[1]] * 6}), ["'task'", "list", "numbers, booleans or text"]),
        ({**GOOD, "won": [{"yes": 1}] * 6}, ["'won'", "struct", "numbers, booleans or text"]),
        (pd.DataFrame(GOOD).assign(size=pd.cut(np.arange(6), 2)), ["'size'", "interval", "numbers, booleans or text"]),
        ({**GOOD, "size": 3.0}, ["'size'", "of type 'float'", "one cell per row"]),
        ({**GOOD, "size": None}, ["'size'", "of type 'NoneType'", "one cell per row"]),
    ],
)
def test_each_mistake_names_its_rows(read_choices: Maker, table: object, parts: list[str]) -> None:
    found = problems(read_choices, table)
    assert any(all(part in problem for part in parts) for problem in found), found


def test_only_the_chosen_rows_of_a_task_are_named(read_choices: Maker) -> None:
    table = {"task": [1, 1, 1, 2, 2], "alt": list("xyzxy"), "won": [1, 0, 1, 1, 0], "price": [1, 2, 3, 4, 5]}
    found = problems(read_choices, table, respondent=None, attributes=["price"])
    assert len(found) == 1
    assert found[0].startswith("rows 1, 3: two or more are chosen in one task (tasks with this: 1)")


def test_all_mistakes_are_told_at_once(read_choices: Maker) -> None:
    table = changed(won={2: 1, 4: 0}, price={6: None}, brand={1: None}, person={5: None})
    found = problems(read_choices, table, attributes=["price", "size", "brand", "prize"])
    for part in ("two or more", "nothing is chosen", "'price', row 6", "'brand', row 1", "respondent", "'prize'"):
        assert any(part in problem for problem in found), (part, found)
    assert any("did you mean 'price'?" in problem for problem in found)


@pytest.mark.parametrize(
    ("cells", "found"),
    [
        ({"person": {5: None}}, ["'person', row 5"]),
        ({"person": {6: None}}, ["'person', row 6"]),
        ({"person": {3: None, 4: ""}}, ["'person', rows 3, 4"]),
        ({"task": {4: None}}, ["'task', row 4"]),
        ({"alt": {1: None}}, ["'alt', row 1"]),
        ({"person": {1: None}, "task": {1: None}}, ["'person', row 1", "'task', row 1"]),
        # Another person's task of another number has a mistake of its own.
        ({"person": {5: None}, "won": {4: 0}}, ["'person', row 5", "row 3: nothing"]),
    ],
)
def test_a_missing_key_is_one_mistake(
    read_choices: Maker, cells: dict[str, dict[int, object]], found: list[str]
) -> None:
    """That the rest of its task is a single alternative, or has nothing chosen, only follows from it."""
    table = changed(**cells)
    table["person"] = [None if name is None else str(name) for name in table["person"]]
    told = problems(read_choices, table)
    assert len(told) == len(found), told
    assert all(part in problem for part, problem in zip(found, told, strict=True)), told


def test_mixed_pandas_column_is_told_with_rows(read_choices: Maker) -> None:
    frame = pd.DataFrame(changed(price={3: "dear"}))
    assert frame["price"].dtype == object
    assert any("'price', row 3" in problem for problem in problems(read_choices, frame))


def test_numbers_among_names_are_allowed_in_categories(read_choices: Maker) -> None:
    frame = pd.DataFrame(changed(brand={6: "12"})).astype({"brand": "category"})
    assert read_choices(frame).attributes[2].levels == ("12", "a", "b")


@pytest.mark.parametrize(
    ("options", "part"),
    [
        ({"attributes": ["price", "won"]}, "named for chosen and for attributes"),
        ({"attributes": ["price", "price"]}, "named twice"),
        ({"none": "nobody"}, "no row of column 'alt'"),
        ({"none": "y"}, "has attribute values"),
        ({"weights": "size"}, "differs"),
        ({"weights": "brand"}, "type"),
        ({"task": "tsk"}, "did you mean 'task'?"),
    ],
)
def test_mistakes_in_options(read_choices: Maker, options: dict[str, object], part: str) -> None:
    found = problems(read_choices, GOOD, **options)
    assert any(part in problem for problem in found), found


@pytest.mark.parametrize(
    ("weights", "part"),
    [([-1, -1, 1, 1, 1, 1], "rows 1, 2"), ([None, None, 1, 1, 1, 1], "missing"), ([0] * 6, "all weights are 0")],
)
def test_bad_weights(read_choices: Maker, weights: list[object], part: str) -> None:
    assert any(part in problem for problem in problems(read_choices, {**GOOD, "w": weights}, weights="w"))


@pytest.mark.parametrize(
    ("table", "part"),
    [
        (3, "of type 'int'"),
        ({**GOOD, "price": [1.0]}, "differ in length"),
        ({name: [] for name in GOOD}, "has no rows"),
        (pl.DataFrame(GOOD).clear(), "has no rows"),
    ],
)
def test_no_table_at_all(read_choices: Maker, table: object, part: str) -> None:
    assert any(part in problem for problem in problems(read_choices, table))


def test_rows_that_were_not_available_are_left_out(
    read_choices: Maker, make_table: Callable[..., pl.DataFrame]
) -> None:
    table = make_table(3, none=True)
    barred = (pl.col("alt") == "y") & (pl.col("won") == 0) & (pl.col("task") < 3)
    empty = [pl.when(barred).then(None).otherwise(pl.col(name)).alias(name) for name in ("price", "size", "brand")]
    marked = table.with_columns((~barred).alias("open"), *empty)
    data, fewer = read_choices(marked, availability="open"), read_choices(table.filter(~barred))
    for name in ("alternative", "is_none", "starts", "sizes", "chosen", "weights", "respondent"):
        np.testing.assert_array_equal(getattr(data, name), getattr(fewer, name), err_msg=name)
    for mine, theirs in zip(data.attributes, fewer.attributes, strict=True):
        np.testing.assert_array_equal(mine.values, theirs.values)
    assert data.rows + data.left_out.size == len(table)
    np.testing.assert_array_equal(np.sort(data.left_out), np.flatnonzero(marked["open"].to_numpy() == 0))
    keys = table.select("person", "task").rows()
    for row, task in zip(data.left_out.tolist(), data.left_out_task.tolist(), strict=True):
        assert keys[row] == keys[int(data.row[data.starts[task]])]
    result, without = fit_mnl(data), fit_mnl(fewer)
    np.testing.assert_array_equal(result.estimates, without.estimates)
    chances = result.predict(data)
    assert chances.shape == (len(table),)
    assert not chances[data.left_out].any()
    np.testing.assert_array_equal(chances[marked["open"].to_numpy()], without.predict(fewer))
    # Some of the tasks keep what was left out of them, and nothing else.
    part = data.take(np.arange(data.tasks) % 2 == 0)
    assert result.predict(part).shape == (part.rows + part.left_out.size,)
    for row, task in zip(part.left_out.tolist(), part.left_out_task.tolist(), strict=True):
        assert keys[row] == keys[int(part.row[part.starts[task]])]


@pytest.mark.parametrize(
    "won",
    [
        [1, 0, None, 0, 1, None, 1, 0, 0],
        ["yes", "no", "", "no", "yes", None, "yes", "no", "no"],
        ["x", "x", None, "y", "y", "", "x", "x", "x"],
    ],
)
def test_what_was_not_available_needs_no_cell_but_its_keys(read_choices: Maker, won: list[object]) -> None:
    """As a table grows by a join: a row for every alternative, and empty cells where it was not shown."""
    weights: list[float | None] = [2, 2, None, 1, 1, None, 3, 3, 3]
    rows: dict[str, list[Any]] = {
        "person": [1, 1, 1, 1, 1, 1, 2, 2, 2],
        "task": [1, 1, 1, 2, 2, 2, 1, 1, 1],
        "alt": ["x", "y", "z"] * 3,
        "won": won,
        "price": [1.0, 2.0, None, 1.0, 3.0, None, 2.0, 1.0, 4.0],
        "size": [1.0, 2.0, None, 3.0, 1.0, None, 5.0, 2.0, 1.0],
        "brand": ["a", "b", None, "b", "a", None, "a", "b", "b"],
        "open": [1, 1, 0, 1, 1, 0, 1, 1, 1],
        "weight": weights,
    }
    data = read_choices(rows, availability="open", weights="weight")
    kept = [place for place, shown in enumerate(rows["open"]) if shown]
    fewer = read_choices({name: [cells[row] for row in kept] for name, cells in rows.items()}, weights="weight")
    np.testing.assert_array_equal(data.chosen, fewer.chosen)
    np.testing.assert_array_equal(data.weights, [2, 1, 3])
    assert data.left_out.tolist() == [2, 5]
    found = problems(read_choices, rows, weights="weight")
    assert any("'won', rows 3, 6: a value is missing" in problem for problem in found), found
    assert any("'weight', rows 3, 6: a weight is missing" in problem for problem in found), found
    weights[2] = -1.0
    (found_,) = problems(read_choices, rows, availability="open", weights="weight")
    assert "'weight', row 3: a weight is missing, negative" in found_


def test_weights_of_what_was_available_count_alone(read_choices: Maker) -> None:
    table: dict[str, list[Any]] = {**GOOD, "open": [1] * 6, "weight": [0] * 6}
    more = {"person": 1, "task": 1, "alt": "z", "won": None, "price": 1.0, "size": 1, "brand": "a", "open": 0}
    rows = {name: [*cells, more.get(name, 5)] for name, cells in table.items()}
    (found,) = problems(read_choices, rows, availability="open", weights="weight")
    assert "all weights are 0" in found


def test_a_missing_name_of_the_choice_is_told(read_choices: Maker) -> None:
    """It left a task without its choice, and every later one with the choice of another."""
    (found,) = problems(read_choices, {**GOOD, "won": ["x", "x", "y", None, "x", "x"]})
    assert "'won', row 4: a value is missing" in found


@pytest.mark.parametrize(
    ("open_", "parts"),
    [
        ([0, 1, 1, 1, 1, 1], ["row 1", "chosen but was not available"]),
        ([1, 1, 0, 1, 1, 1], ["row 4", "a single alternative that was available"]),
        ([1, 1, 0, 0, 1, 1], ["row 3", "no alternative of the task"]),
        ([1, 1, 1, 1, 1, 2], ["'open', row 6", "the value '2'"]),
        ([1, 1, 1, 1, 1, None], ["'open', row 6", "missing"]),
        (list("yyyyyy"), ["'open'", "the value 'y'"]),
    ],
)
def test_bad_availability(read_choices: Maker, open_: list[object], parts: list[str]) -> None:
    found = problems(read_choices, {**GOOD, "open": open_}, availability="open")
    assert any(all(part in problem for part in parts) for problem in found), found


def test_covariates_are_one_value_per_task(read_choices: Maker) -> None:
    table = {**GOOD, "income": [3, 3, 4, 4, 5, 5], "group": ["a", "a", "b", "b", "a", "a"]}
    data = read_choices(table, covariates=["income", "group"])
    assert data.covariates[0].values.tolist() == [3, 4, 5]
    assert (data.covariates[1].values.tolist(), data.covariates[1].levels) == ([0, 1, 0], ("a", "b"))
    assert data.take(np.array([2])).covariates[0].values.tolist() == [5]
    assert read_choices(table, covariates="income").covariates[0].name == "income"


@pytest.mark.parametrize(
    ("cells", "options", "parts"),
    [
        ({"income": [3, 3, 4, 7, 5, 5]}, {}, ["'income', row 4", "differs from that of another row", "one value per"]),
        ({"income": [3, 3, None, 4, 5, 5]}, {}, ["'income', row 3", "value is missing"]),
        ({"income": [3, 3, "x", "x", 5, 5]}, {}, ["'income', rows 3, 4", "text such as 'x'"]),
        ({"income": [3] * 6}, {"covariates": ["price", "income"]}, ["'price'", "for attributes and for covariates"]),
        ({"income": [3] * 6}, {"covariates": ["incom"]}, ["'incom'", "did you mean 'income'?"]),
    ],
)
def test_bad_covariates(
    read_choices: Maker, cells: dict[str, object], options: dict[str, object], parts: list[str]
) -> None:
    found = problems(read_choices, {**GOOD, **cells}, **{"covariates": ["income"], **options})
    assert any(all(part in problem for part in parts) for problem in found), found


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=20, deadline=None)
def test_the_order_of_the_rows_says_nothing(
    read_choices: Maker, make_table: Callable[..., pl.DataFrame], seed: int
) -> None:
    table = make_table(3, people=6, none=True).with_columns(income=pl.col("person") * 1.5, open=pl.lit(True))
    order = np.random.default_rng(seed).permutation(len(table))
    first = read_choices(table, covariates=["income"], availability="open")
    second = read_choices(table[order.tolist()], covariates=["income"], availability="open")
    np.testing.assert_array_equal(first.row, order[second.row])
    for name in ("alternative", "is_none", "starts", "sizes", "chosen", "weights", "respondent"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name), err_msg=name)
    for mine, theirs in zip(
        (*first.attributes, *first.covariates), (*second.attributes, *second.covariates), strict=True
    ):
        np.testing.assert_array_equal(mine.values, theirs.values)


def test_keys_too_many_to_number_jointly_are_sorted_too() -> None:
    rng = np.random.default_rng(0)
    respondent, task, alternative = (rng.integers(0, 9, 200) for _ in range(3))
    few = [Codes(codes, np.arange(9), False) for codes in (respondent, task, alternative)]
    endless = np.broadcast_to(np.int64(0), (1 << 40,))  # as if there were a million million distinct keys
    many = [Codes(codes, endless, False) for codes in (respondent, task, alternative)]
    yes = np.ones(200, dtype=np.bool_)
    np.testing.assert_array_equal(lay_out(*few, yes).order, lay_out(*many, yes).order)
    np.testing.assert_array_equal(lay_out(*few, yes).task, lay_out(*many, yes).task)


def test_a_table_is_read_and_not_borrowed(read_choices: Maker) -> None:
    sizes, weights = np.arange(6.0), np.ones(6)
    data = read_choices({**GOOD, "size": sizes, "w": weights, "i": weights}, weights="w", covariates=["i"])
    sizes += 1
    weights += 1
    assert data.attributes[1].values.tolist() == [0, 1, 2, 3, 4, 5]
    assert (data.weights.tolist(), data.covariates[0].values.tolist()) == ([1, 1, 1], [1, 1, 1])


def test_repeated_column(read_choices: Maker) -> None:
    frame = pd.DataFrame(GOOD)
    frame = pd.concat([frame, frame[["price"]]], axis=1)
    assert any("is in the table 2 times" in problem for problem in problems(read_choices, frame))


@pytest.mark.parametrize(
    ("part", "given"),
    [("task", None), ("alternative", None), ("attributes", None), ("attributes", [1]), ("chosen", 3), ("weights", [1])],
)
def test_parts_name_columns(read_choices: Maker, part: str, given: object) -> None:
    (found,) = problems(read_choices, GOOD, **{part: given})
    assert found.startswith(f"{part}: is {given!r}; ")
    assert "column" in found


def test_all_parts_are_told_at_once(read_choices: Maker) -> None:
    assert len(problems(read_choices, GOOD, task=None, alternative=None, attributes=None)) == 3


@pytest.mark.parametrize(("wrong", "meant"), [("weight", "weights"), ("available", "availability"), ("nobody", "task")])
def test_a_misspelt_part_is_named(read_choices: Maker, wrong: str, meant: str) -> None:
    with pytest.raises(TypeError, match=rf"from_table\(\) takes no argument '{wrong}': .*{meant}"):
        read_choices(GOOD, **{wrong: "size"})


def test_data_without_choices_are_predicted_on_and_nothing_else(
    read_choices: Maker, make_table: Callable[..., pl.DataFrame]
) -> None:
    table = make_table(4, people=30, none=True)
    full = read_choices(table)
    bare = read_choices(table.drop("won"), chosen=None)
    model = fit_mnl(full)
    for fitted in (model, fit_latent_class(full, classes=1)):
        np.testing.assert_array_equal(fitted.predict(bare), fitted.predict(full))
    part = bare.take(np.arange(7))
    assert (part.tasks, part.choices) == (7, None)
    for refused in (
        lambda: fit_mnl(bare),
        lambda: fit_hb(bare, iterations=20),
        lambda: fit_mixed(bare, random={"price": "normal"}),
        lambda: fit_latent_class(bare, classes=1),
        lambda: hit_rate(bare, model.predict(bare)),
        lambda: check_respondents(bare, rng=0),
    ):
        with pytest.raises(DataError, match=r"do not say what was chosen.*name the column of choices"):
            refused()


def test_prices_that_were_read_as_text_are_no_levels(
    read_choices: Maker, make_table: Callable[..., pl.DataFrame]
) -> None:
    table = make_table(5).with_columns(price=(pl.int_range(pl.len()) % 13 / 2).cast(pl.String))
    (found,) = problems(read_choices, table)
    assert "column 'price': text, but all of its 13 values are numbers, such as '0.0'" in found
    assert "convert the column to numbers" in found
    few = table.with_columns(price=(pl.int_range(pl.len()) % 12).cast(pl.String))
    assert read_choices(few).attributes[0].levels is not None
    assert read_choices(table.with_columns(pl.col("price").cast(pl.Categorical))).attributes[0].levels is not None


@pytest.mark.parametrize("name", ["None", "NONE", "nothing"])
def test_a_none_option_of_another_name_is_guessed(
    read_choices: Maker, make_table: Callable[..., pl.DataFrame], name: str
) -> None:
    table = make_table(5, people=3, none=True).with_columns(pl.col("alt").replace({"none": name}))
    (found,) = problems(read_choices, table)
    first = table["alt"].to_list().index(name) + 1
    assert found.startswith(f"alternative '{name}', rows {first}, ")
    assert f'say none="{name}"' in found
    assert read_choices(table, none=name).none == name


def test_one_filled_cell_makes_an_alternative_a_product(read_choices: Maker) -> None:
    table = changed(price={2: None, 4: None, 6: None}, size={2: None, 4: None}, brand={2: None, 4: None, 6: None})
    found = problems(read_choices, table)
    assert not any("none=" in problem for problem in found)
    assert "column 'price', rows 2, 4, 6: a value is missing" in found[0]


def test_predictions_go_with_the_table_and_are_led_to_tasks(
    read_choices: Maker, make_table: Callable[..., pl.DataFrame]
) -> None:
    table = make_table(5, none=True).sample(fraction=1.0, shuffle=True, seed=1)  # no two rows of a task together
    table = table.with_columns(open=(pl.col("won") == 1) | (pl.col("alt") != "y") | (pl.col("task") > 1))
    data = read_choices(table, availability="open")
    assert (np.diff(data.row) < 0).any()
    predicted = fit_mnl(data).predict(data)
    beside = table.with_columns(chance=predicted)
    sums = beside.group_by("person", "task").agg(pl.col("chance").sum())["chance"]
    np.testing.assert_allclose(sums.to_numpy(), 1)
    assert beside.filter(~pl.col("open"))["chance"].sum() == 0
    chances = data.in_task_order(predicted)
    np.testing.assert_allclose(np.add.reduceat(chances, data.starts), 1)
    np.testing.assert_array_equal(data.in_table_order(chances), predicted)
    names = data.in_task_order(table["alt"].to_numpy())
    assert names.tolist() == [data.alternatives[code] for code in data.alternative.tolist()]
    chosen = beside.filter(won=1).sort("person", "task")["chance"].to_numpy()
    np.testing.assert_array_equal(chances[data.chosen], chosen)
    assert log_loss(data, predicted).value == pytest.approx(-np.log(chosen).mean())
    some = data.take(np.arange(data.tasks) % 3 == 0)
    part = fit_mnl(data).predict(some)
    np.testing.assert_array_equal(
        some.in_task_order(part), chances[np.repeat(np.arange(data.tasks) % 3 == 0, data.sizes)]
    )
    with pytest.raises(DataError, match=r"values: have shape \(3,\).*one value for each row of the table"):
        data.in_task_order(np.zeros(3))
    assert cross_validate(fit_mnl, data, folds=2).log_loss.tasks == data.tasks
