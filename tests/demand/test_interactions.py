"""Interactions, covariates and coefficients by alternative: what they mean, and that offers are coded like data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from marketfit.demand import ByAlternative, ChoiceData, Coding, Levels, UtilityDraws, fit_mnl, for_people
from marketfit.demand.coding.columns import Split
from marketfit.demand.coding.terms import LevelsTerm, LinearTerm
from marketfit.errors import DataError

Maker = Callable[..., ChoiceData]
Tables = Callable[..., pl.DataFrame]

NAMES = ["price", "size", "brand", "brand_bolt", "asc", "asc_w", "asc_x", "income", "group", "group_2", "price:w"]
OPTIONS = {
    "price": [None, "piecewise", "levels", "by-alternative", ByAlternative(("w", "z"), "piecewise")],
    "size": [None, ByAlternative(("x",))],
    "brand": [None, Levels("crow"), "by-alternative"],
    "group": ["levels"],
}


def table_of(tables: Tables, seed: int, *, none: bool = False, people: int = 30) -> pl.DataFrame:
    """The simulated table with two covariates: income, a number, and group, a level; and some rows unavailable."""
    table = tables(seed, none=none, people=people)
    return table.with_columns(
        income=1.0 + pl.col("person") % 7 / 3,
        group=pl.col("person") % 3,
        open=((pl.col("alt") != "y") | (pl.col("won") == 1) | (pl.col("task") > 1)).cast(pl.Int8),
    )


@pytest.fixture(scope="module")
def crossed(read_choices: Maker, make_table: Tables) -> dict[bool, ChoiceData]:
    """With and without a none option."""
    parts = {"covariates": ["income", "group"], "availability": "open"}
    return {none: read_choices(table_of(make_table, 5, none=none), **parts) for none in (False, True)}


def messages(error: DataError) -> str:
    return "\n".join(map(str, error.problems))


@st.composite
def declarations(draw: st.DrawFn) -> dict[str, object]:
    """Any declaration of coding, most of them sensible."""
    names = st.lists(st.sampled_from(NAMES), min_size=2, max_size=3, unique=True).map(tuple)
    constants = draw(st.booleans())
    return {
        "options": {name: choice for name, picks in OPTIONS.items() if (choice := draw(st.sampled_from(picks)))},
        "constants": constants,
        "base": draw(st.sampled_from([None, "w", "y"])) if constants else None,
        "interactions": draw(st.lists(names, max_size=3, unique_by=lambda item: tuple(sorted(item)))),
    }


def coding_or_reject(data: ChoiceData, declared: dict[str, object]) -> Coding:
    """A declaration may cross nothing but covariates, the same twice, or columns that it lacks: that is refused."""
    coding, problems = None, ()
    try:
        coding = Coding.from_data(data, **declared)  # type: ignore[arg-type]
    except DataError as error:
        problems = error.problems
    expected = ("unknown '", "have the same value", "two columns of the design")
    assert all(any(part in problem.found for part in expected) for problem in problems), problems
    assume(coding is not None)
    assert coding is not None
    return coding


@settings(max_examples=150, deadline=None)
@given(declared=declarations(), none=st.booleans(), seed=st.integers(0, 1000))
def test_rows_and_offers_have_the_same_utility(
    crossed: dict[bool, ChoiceData], declared: dict[str, object], none: bool, seed: int
) -> None:
    data = crossed[none]
    coding = coding_or_reject(data, declared)
    tastes = np.random.default_rng(seed).normal(size=len(coding.columns))
    worth = coding.design(data).matrix @ tastes
    model = UtilityDraws(tastes[None], coding, 1)
    task_of_row = data.task_of_row
    for row in range(seed % 7, data.rows, 41):
        people = model
        if coding.covariates:
            person = {item.name: float(item.values[task_of_row[row]]) for item in data.covariates}
            people = for_people(model, {term.attribute: person[term.attribute] for term in coding.covariates})
        if data.is_none[row]:
            design = people.coding.code_none()
        else:
            offer: dict[str, float | str] = {
                item.name: item.levels[item.codes[row]] if item.levels else float(item.values[row])
                for item in data.attributes
            }
            if people.coding.alternatives:
                offer["alt"] = data.alternatives[data.alternative[row]]
            design = people.coding.code(offer).matrix
        assert (design @ people.values[0, 0])[0] == pytest.approx(worth[row], rel=1e-9, abs=1e-9)


def test_columns_are_named_by_what_they_multiply(crossed: dict[bool, ChoiceData]) -> None:
    coding = Coding.from_data(
        crossed[True],
        options={"size": "by-alternative", "price": ByAlternative(("x", "w")), "group": "levels"},
        constants=True,
        base="w",
        interactions=[("asc", "income"), ("brand", "group_2"), ("size", "brand_bolt"), ("none", "income")],
    )
    assert coding.columns == (
        "price:x", "price:w", "size:w", "size:x", "size:y", "size:z", "brand_bolt", "brand_crow",
        "asc_x", "asc_y", "asc_z", "none",
        "asc_x:income", "asc_y:income", "asc_z:income", "brand_bolt:group_2", "brand_crow:group_2",
        "size:w:brand_bolt", "size:x:brand_bolt", "size:y:brand_bolt", "size:z:brand_bolt", "none:income",
    )  # fmt: skip
    assert coding.columns_of("size") == ("size:w", "size:x", "size:y", "size:z")
    assert coding.columns_of("asc_x:income") == ("asc_x:income",)


def test_products_in_the_table_give_the_same_fit(read_choices: Maker, make_table: Tables) -> None:
    table = table_of(make_table, 6, people=80)
    data = read_choices(table, covariates=["income"])
    model = fit_mnl(
        data,
        constants=True,
        base="z",
        coding={"size": "by-alternative"},
        interactions=[("price", "income"), ("asc_x", "income"), ("price", "brand_bolt")],
    )
    by_hand = table.with_columns(
        *[(pl.col("size") * (pl.col("alt") == name)).alias(f"size:{name}") for name in "wxyz"],
        *[(pl.col("alt") == name).cast(pl.Float64).alias(f"asc_{name}") for name in "wxy"],
        (pl.col("price") * pl.col("income")).alias("price:income"),
        (pl.col("income") * (pl.col("alt") == "x")).alias("asc_x:income"),
        (pl.col("price") * (pl.col("brand") == "bolt")).alias("price:brand_bolt"),
    )
    attributes = ["price", *[f"size:{name}" for name in "wxyz"], "brand", *[f"asc_{name}" for name in "wxy"]]
    attributes += ["price:income", "asc_x:income", "price:brand_bolt"]
    other = fit_mnl(read_choices(by_hand, attributes=attributes))
    assert model.coding.columns == other.coding.columns
    np.testing.assert_allclose(model.estimates, other.estimates, rtol=1e-7)
    np.testing.assert_allclose(model.mean_covariance, other.mean_covariance, rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(model.predict(data), other.predict(read_choices(by_hand, attributes=attributes)))


def test_a_coefficient_for_each_alternative_is_a_fit_of_its_own(read_choices: Maker, make_table: Tables) -> None:
    # Where all tastes are split and tasks are pairs of the same two alternatives, splitting changes nothing but names.
    table = make_table(9, people=60).filter(pl.col("alt").is_in(["w", "x"]))
    kept = table.group_by("person", "task").agg(pl.col("won").sum()).filter(pl.col("won") == 1)
    data = read_choices(table.join(kept.select("person", "task"), on=["person", "task"]), attributes=["size"])
    split = fit_mnl(data, coding={"size": "by-alternative"})
    assert split.coding.columns == ("size:w", "size:x")
    design = split.coding.design(data).matrix
    np.testing.assert_array_equal(design[:, 0] + design[:, 1], fit_mnl(data).coding.design(data).matrix[:, 0])
    assert split.log_likelihood >= fit_mnl(data).log_likelihood


@pytest.mark.parametrize(
    ("extra", "part"),
    [
        ({"interactions": [("price", "incom")]}, "did you mean 'income'?"),
        ({"interactions": [("price",)]}, "names a single thing"),
        ({"interactions": ["price:income"]}, "names a single thing"),
        ({"interactions": [("group", "income")]}, "all alternatives of a task have the same value"),
        ({"interactions": [("group", "group")]}, "all alternatives of a task have the same value"),
        ({"interactions": [("price", "size"), ("price", "size")]}, "two columns of the design have this name"),
        ({"interactions": [("price", "none")]}, "unknown 'none'"),
        ({"options": {"income": "by-alternative"}}, "cannot be split by alternatives"),
        ({"options": {"price": ByAlternative(("w", "q"))}}, "no alternative 'q'"),
        ({"options": {"price": ByAlternative(())}}, "names no alternative"),
        ({"options": {"price": ByAlternative(None, "cubic")}}, "unknown option 'cubic'"),  # type: ignore[arg-type]
        ({"base": "w", "interactions": [("asc_x", "income")]}, "there are no constants"),
    ],
)
def test_bad_declarations(crossed: dict[bool, ChoiceData], extra: dict[str, object], part: str) -> None:
    with pytest.raises(DataError) as caught:
        Coding.from_data(crossed[False], **extra)  # type: ignore[arg-type]
    assert part in messages(caught.value)


def test_all_mistakes_of_a_declaration_are_told_at_once(crossed: dict[bool, ChoiceData]) -> None:
    with pytest.raises(DataError) as caught:
        Coding.from_data(
            crossed[False],
            options={"prize": "linear", "brand": "linear", "size": ByAlternative(("q",))},
            constants=True,
            base="v",
            interactions=[("price", "wealth")],
        )
    for part in ("'prize'", "text cannot be coded", "no alternative 'q'", "base='v'", "unknown 'wealth'"):
        assert part in messages(caught.value)


def test_codings_made_by_hand_are_checked() -> None:
    price = LinearTerm("price", 1.0, 4.0)
    with pytest.raises(DataError, match="unknown 'size'"):
        Coding((price,), (), None, None, "alt", interactions=(("price", "size"),))
    with pytest.raises(DataError, match="no such attribute"):
        Coding((price,), (), None, None, "alt", ("w",), splits=(Split("size", ("w",)),))
    level = LevelsTerm("brand", tuple(map(str, range(200))), "0")
    with pytest.raises(DataError, match="at most 10000"):
        Coding((level,), (), None, None, "alt", interactions=(("brand", "brand", "brand"),))
    by_hand = Coding((price,), ("w", "x"), "z", None, "alt")
    assert by_hand.code({"price": 2.0, "alt": "x"}).matrix.tolist() == [[2.0, 0.0, 1.0]]


def test_a_model_needs_a_column(crossed: dict[bool, ChoiceData], read_choices: Maker, make_table: Tables) -> None:
    data = read_choices(table_of(make_table, 5), attributes=[], covariates=["income"])
    with pytest.raises(DataError, match="has no columns"):
        fit_mnl(data)
    with pytest.raises(DataError, match="does not vary within any task"):
        fit_mnl(crossed[False], interactions=[("brand_bolt", "brand_crow")])
    assert fit_mnl(data, constants=True, interactions=[("asc", "income")]).coding.columns[0] == "asc_w"


def test_held_out_people_beyond_those_of_the_fit_are_clamped_and_told(crossed: dict[bool, ChoiceData]) -> None:
    data = crossed[False]
    poor = data.take(data.covariates[0].numbers < 2)
    coding = Coding.from_data(poor, interactions=[("price", "income")])
    design = coding.design(data)
    assert design.extrapolated == ("size", "income")
    income = np.repeat(np.minimum(data.covariates[0].numbers, poor.covariates[0].numbers.max()), data.sizes)
    np.testing.assert_allclose(design.matrix[:, -1], data.attributes[0].numbers * income)
    with pytest.raises(DataError, match="covariate 'income': is missing"):
        coding.design(replace(data, covariates=()))


def test_columns_of_the_table_may_be_called_like_constants(read_choices: Maker, make_table: Tables) -> None:
    table = make_table(4, people=60).with_columns(
        asc_w=(pl.col("alt") == "w").cast(pl.Float64), asc=pl.col("size") ** 2
    )
    data = read_choices(table, attributes=["price", "asc_w", "asc"])
    model = fit_mnl(data, interactions=[("asc_w", "price"), ("asc", "price")])
    assert model.coding.columns == ("price", "asc_w", "asc", "asc_w:price", "asc:price")
    assert model.coding.alternatives == ()
    with pytest.raises(DataError, match="two columns of the design have this name"):
        fit_mnl(data, constants=True)
