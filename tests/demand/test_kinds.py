"""An argument of the wrong kind, a table in place of choice data above all, is told with what to do."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from marketfit.demand import (
    Change,
    ChoiceData,
    Coding,
    LatentClassResult,
    Market,
    MNLResult,
    PriceGame,
    best_scale,
    calibrate,
    check_respondents,
    competitive_value,
    cross_validate,
    cross_validate_scaled,
    draw_utilities,
    elasticities,
    equilibrium,
    fit_hb,
    fit_latent_class,
    fit_mixed,
    fit_mnl,
    fit_randomised,
    fold_tasks,
    for_people,
    hit_rate,
    importance,
    latent_segments,
    log_loss,
    price_after_reaction,
    price_curve,
    prior_from,
    search_line,
    simulate,
    split_tasks,
    tune_scale,
    what_if,
    willingness_to_pay,
)
from marketfit.errors import DataError

if TYPE_CHECKING:
    from typing import Any

TABLE = pd.DataFrame({"task": [1, 1], "alt": ["x", "y"], "won": [1, 0], "price": [1.0, 2.0], "coding": [0, 0]})
OFFERS = {"ours": {"price": 2.0, "size": 0.0, "brand": "ajax"}, "theirs": {"price": 3.0, "size": 1.0, "brand": "bolt"}}
GAME = PriceGame(owners={"ours": "us"}, unit_costs={"ours": 1.0})


@pytest.fixture(scope="module")
def logit(data: ChoiceData) -> MNLResult:
    return fit_mnl(data)


@pytest.fixture(scope="module")
def classes(data: ChoiceData) -> LatentClassResult:
    return fit_latent_class(data, classes=1, starts=1)


def refused(call: Callable[[], object]) -> str:
    with pytest.raises(DataError) as caught:
        call()
    return str(caught.value.problems[0])


TABLES = pytest.mark.parametrize(("given", "found"), [(TABLE, "of type 'DataFrame'"), (None, "None")])
READ_FIRST = "data: is {}; choice data → make it with ChoiceData.from_table(table, task=…"


@pytest.mark.parametrize(
    "use",
    [
        fit_mnl,
        fit_hb,
        lambda table: fit_mixed(table, random={"price": "normal"}),
        lambda table: fit_latent_class(table, classes=2),
        Coding.from_data,
        split_tasks,
        fold_tasks,
        check_respondents,
        lambda table: hit_rate(table, np.ones(2)),
        lambda table: log_loss(table, np.ones(2)),
        lambda table: cross_validate(fit_mnl, table),
        lambda table: cross_validate_scaled(fit_mnl, table),
        lambda table: tune_scale(fit_mnl, table),
    ],
)
@TABLES
def test_a_table_is_to_be_read_first(use: Callable[[object], object], given: object, found: str) -> None:
    assert refused(lambda: use(given)).startswith(READ_FIRST.format(found))


@pytest.mark.parametrize(
    "use",
    [
        lambda model, table: model.predict(table),
        lambda model, table: model.coding.design(table),
        lambda model, table: fit_mnl(table, coding=model.coding),
        lambda model, table: fit_mixed(table, random={"price": "normal"}, coding=model.coding),
        for_people,
        fit_randomised,
        best_scale,
    ],
)
@TABLES
def test_a_model_takes_choice_data(
    logit: MNLResult, use: Callable[[Any, object], object], given: object, found: str
) -> None:
    assert refused(lambda: use(logit, given)).startswith(READ_FIRST.format(found))


@TABLES
def test_classes_take_choice_data(classes: LatentClassResult, given: Any, found: str) -> None:  # noqa: ANN401
    for use in (classes.predict, classes.predict_known, classes.membership_of):
        assert refused(lambda use=use: use(given)).startswith(READ_FIRST.format(found))  # type: ignore[misc]


@pytest.mark.parametrize(
    "use",
    [
        lambda source: simulate(source, OFFERS),
        lambda source: what_if(source, OFFERS, changes=[Change("ours", "price", 1.0)]),
        lambda source: price_curve(source, OFFERS, offer="ours", prices=[1.0, 2.0]),
        lambda source: competitive_value(source, OFFERS, offer="ours", change={"size": 1.0}),
        lambda source: calibrate(source, OFFERS, known={"ours": 0.5}),
        lambda source: equilibrium(source, OFFERS, game=GAME),
        lambda source: price_after_reaction(source, OFFERS, offer="ours", prices=[1.0], game=GAME),
        lambda source: search_line(source, OFFERS, candidates=OFFERS),
        Market,
        importance,
        lambda source: elasticities(source, OFFERS, offer="ours"),
        draw_utilities,
        prior_from,
        willingness_to_pay,
        lambda source: for_people(source, {"income": 1.0}),
    ],
)
def test_a_model_is_to_be_fitted_first(data: ChoiceData, use: Callable[[Any], object]) -> None:
    for given, found in ((data, "of type 'ChoiceData'"), (TABLE, "of type 'DataFrame'"), (None, "None")):
        told = refused(lambda given=given: use(given))  # type: ignore[misc]
        allowed = "a fitted model, or draws of its coefficients"
        assert told.startswith(f"the model: is {found}; {allowed} → fit one first, such as fit_mnl(data)"), told


@TABLES
def test_tastes_of_people_are_told_by_choice_data(data: ChoiceData, given: Any, found: str) -> None:  # noqa: ANN401
    mixed = fit_mixed(data, random={"price": "normal"}, draws=10)
    assert refused(lambda: mixed.individual(given)).startswith(READ_FIRST.format(found))


def test_segments_are_of_latent_classes(logit: MNLResult) -> None:
    told = refused(lambda: latent_segments(logit))  # type: ignore[arg-type]
    assert told.startswith("the model: is of type 'MNLResult'; a fit of latent classes → fit one with fit_latent_class")
