"""A model written and read again is the same model, and foreign text is refused."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Literal

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from marketfit import demand
from marketfit.demand import ByAlternative, ChoiceData, Piecewise, fit_mnl, model_from_json, model_to_json
from marketfit.demand.arrays import BoolArray, FloatArray, IntArray, SingleArray
from marketfit.demand.models import storage
from marketfit.demand.models.mnl import MNLResult
from marketfit.demand.models.plain import Plain, from_plain, to_plain
from marketfit.errors import DataError

Maker = Callable[..., ChoiceData]


@dataclass(frozen=True, eq=False)
class Inner:
    kind: Literal["one", "two"]
    knots: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Everything:
    """One field of each type that a model may have."""

    floats: FloatArray
    singles: SingleArray
    integers: IntArray
    flags: BoolArray
    labels: NDArray[np.generic]
    number: float
    count: int
    known: bool
    name: str | None
    pair: tuple[str, int]
    inner: Inner | MNLResult
    several: tuple[Inner, ...]
    by_name: Mapping[str, FloatArray]


def everything(labels: NDArray[np.generic], numbers: list[float]) -> Everything:
    inner = Inner("two", tuple(numbers))
    grid = np.array([*numbers, -0.0, 1e-308, np.nan]).reshape(-1, 1)
    singles = np.array([0.1, -0.0, np.inf], dtype=np.float32)
    parts = (singles, np.arange(6).reshape(2, 3), np.array([True, False]), labels)
    return Everything(grid, *parts, numbers[0], 3, True, None, ("a", 1), inner, (inner, inner), {"x": grid})


def same(first: object, second: object) -> bool:
    """Equality of all fields, bit for bit and type for type."""
    if isinstance(first, np.ndarray) and isinstance(second, np.ndarray):
        alike = (first.dtype, first.shape) == (second.dtype, second.shape)
        return alike and (
            first.tolist() == second.tolist() if first.dtype == object else first.tobytes() == second.tobytes()
        )
    if hasattr(first, "__dataclass_fields__"):
        names = [field.name for field in fields(first)]  # type: ignore[arg-type]
        return type(first) is type(second) and all(same(getattr(first, n), getattr(second, n)) for n in names)
    if isinstance(first, dict) and isinstance(second, dict):
        return list(first) == list(second) and all(same(first[key], second[key]) for key in first)
    if isinstance(first, tuple) and isinstance(second, tuple):
        return len(first) == len(second) and all(map(same, first, second))
    return type(first) is type(second) and repr(first) == repr(second)


@given(numbers=st.lists(st.floats(), min_size=1, max_size=5), texts=st.lists(st.text(), min_size=1, max_size=4))
def test_every_type_of_field_reads_back_bit_for_bit(numbers: list[float], texts: list[str]) -> None:
    for labels in (np.array(texts, dtype=object), np.arange(3), np.array([0.5])):
        written = everything(labels, numbers)
        text = json.dumps(to_plain(written), sort_keys=True, allow_nan=False)
        again = from_plain(json.loads(text), Everything)
        assert same(written, again)
        assert json.dumps(to_plain(again), sort_keys=True, allow_nan=False) == text


def test_what_cannot_be_written_is_told() -> None:
    for value in (object(), {1: object()}, np.array([1 + 2j]), np.array([None]), [1]):
        with pytest.raises(TypeError):
            to_plain(value)
    with pytest.raises(TypeError, match="no model that can be stored"):
        model_to_json(3)  # type: ignore[arg-type]


@pytest.mark.parametrize("constants", [False, True])
def test_round_trip_is_exact(data_with_none: ChoiceData, constants: bool) -> None:
    coding = {"price": Piecewise((2.5,)), "size": "linear", "brand": "levels"}
    model = fit_mnl(data_with_none, coding=coding, constants=constants, signs={"price": -1, "size": -1})  # type: ignore[arg-type]
    again = model_from_json(model_to_json(model))
    assert same(model, again)
    assert isinstance(again, MNLResult)
    assert again.at_bound == ("size",)
    draws = [m.mean_draws(9, np.random.default_rng(0)) for m in (model, again)]
    np.testing.assert_array_equal(*draws)
    np.testing.assert_array_equal(again.predict(data_with_none), model.predict(data_with_none))
    assert str(again) == str(model)
    assert model_to_json(again) == model_to_json(model)


def test_covariates_and_splits_are_stored_too(read_choices: Maker, make_table: Callable[..., pl.DataFrame]) -> None:
    table = make_table(3, people=60).with_columns(income=(pl.col("person") % 7).cast(pl.Float64))
    data = read_choices(table, covariates=["income"])
    options = {"size": ByAlternative(("w", "x"))}
    model = fit_mnl(data, coding=options, constants=True, interactions=[("asc", "income"), ("price", "brand")])
    again = model_from_json(model_to_json(model))
    assert same(model, again)
    np.testing.assert_array_equal(again.predict(data), model.predict(data))


def change(content: dict[str, Plain], path: list[str | int], value: Plain) -> str:
    place: dict[str | int, Plain] = content  # type: ignore[assignment]
    for key in path[:-1]:
        place = place[key]  # type: ignore[assignment]
    place[path[-1]] = value
    return json.dumps(content)


TERM: list[str | int] = ["model", "coding", "terms", 0]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["format"], "x/9"),
        (["model"], 3),
        (["model", "class"], "Coding"),
        (["model", "class"], ["MNLResult"]),
        (["model", "coding"], {}),
        (["model", "more"], 1),
        (["model", "estimates"], "no"),
        (["model", "estimates"], {"dtype": "<f8", "shape": [1], "base64": "AAAAAAAA8D8="}),
        (["model", "estimates", "dtype"], "|O"),
        (["model", "estimates", "shape"], [-1]),
        (["model", "estimates", "shape"], [10**18]),
        (["model", "estimates", "shape"], [True]),
        (["model", "estimates", "base64"], "§"),
        (["model", "covariances"], 3),
        (["model", "covariances"], []),
        (["model", "covariances"], [["classical"]]),
        (["model", "errors"], "bootstrap"),
        (["model", "respondents"], 1.5),
        (["model", "log_likelihood"], "12"),
        (["model", "log_likelihood"], 10**400),
        ([*TERM, "class"], "CubicTerm"),
        ([*TERM, "low"], "a"),
        ([*TERM, "low"], True),
        ([*TERM, "attribute"], None),
        (["model", "coding", "terms"], []),
        (["model", "coding", "interactions"], [["brand"] * 40]),
        (["model", "coding", "interactions"], [["brand", "nothing"]]),
    ],
)
def test_foreign_text_is_refused(data: ChoiceData, path: list[str | int], value: Plain) -> None:
    content = json.loads(model_to_json(fit_mnl(data)))
    with pytest.raises(DataError, match="demand model"):
        model_from_json(change(content, path, value))


def test_bytes_are_not_guessed(data: ChoiceData) -> None:
    content = json.loads(model_to_json(fit_mnl(data)))
    written = content["model"]["estimates"]["base64"]
    spaced = f"{written[:4]} {written[4:]}"
    with pytest.raises(DataError, match="demand model"):
        model_from_json(change(content, ["model", "estimates", "base64"], spaced))


@pytest.mark.parametrize("text", ["", "no json", "[]", "3", "[" * 10_000, '{"format": ' + "9" * 5000 + "}", "null"])
def test_text_that_is_no_model_is_refused(text: str) -> None:
    with pytest.raises(DataError, match="demand model"):
        model_from_json(text)


def test_text_without_end_is_refused(data: ChoiceData, monkeypatch: pytest.MonkeyPatch) -> None:
    text = model_to_json(fit_mnl(data))
    monkeypatch.setattr(storage, "MOST_CHARACTERS", len(text) - 1)
    with pytest.raises(DataError, match="too many"):
        model_from_json(text)


def test_public_names() -> None:
    assert demand.__all__ == sorted(demand.__all__)
    assert all(hasattr(demand, name) for name in demand.__all__)
