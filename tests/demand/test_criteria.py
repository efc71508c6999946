"""Information criteria: their definition, what counts as n, and the same for the same model fitted in two ways."""

from __future__ import annotations

import math
from collections.abc import Callable

import polars as pl
import pytest

from marketfit.demand import ChoiceData, fit_latent_class, fit_mixed, fit_mnl

Maker = Callable[..., ChoiceData]


def test_the_logit_is_one_latent_class(data: ChoiceData) -> None:
    logit, single = fit_mnl(data), fit_latent_class(data, classes=1, starts=1)
    assert (logit.aic, logit.bic) == pytest.approx((single.aic, single.bic))
    assert (single.aic, single.bic) == (single.chosen.aic, single.chosen.bic)
    assert logit.bic == pytest.approx(-2 * logit.log_likelihood + 4 * math.log(data.respondents))
    assert logit.aic == pytest.approx(-2 * logit.log_likelihood + 2 * 4)


def test_choices_count_where_nobody_knows_who_chose(
    read_choices: Maker, make_table: Callable[..., pl.DataFrame]
) -> None:
    table = make_table(0).with_columns(task=pl.col("person") * 100 + pl.col("task"))
    data = read_choices(table, respondent=None)
    logit = fit_mnl(data)
    assert logit.bic == pytest.approx(-2 * logit.log_likelihood + 4 * math.log(data.tasks))
    assert f"4 parameters, AIC {logit.aic:.2f}, BIC {logit.bic:.2f} (n = {data.tasks} choices)" in str(logit)


def test_a_coefficient_at_its_bound_is_no_parameter(data: ChoiceData) -> None:
    bound = fit_mnl(data, signs={"price": 1})
    assert (bound.at_bound, bound.parameters) == (("price",), 3)
    assert bound.aic == pytest.approx(-2 * bound.log_likelihood + 2 * 3)
    assert f"3 parameters, AIC {bound.aic:.2f}, BIC {bound.bic:.2f} (n = 40 respondents)" in str(bound)


def test_a_mixed_logit_takes_its_spreads_too(data: ChoiceData) -> None:
    mixed = fit_mixed(data, random={"price": "normal"}, draws=30)
    assert mixed.parameters == 5
    assert mixed.aic == pytest.approx(-2 * mixed.log_likelihood + 2 * 5)
    assert mixed.bic == pytest.approx(-2 * mixed.log_likelihood + 5 * math.log(data.respondents))
    assert f"5 parameters, AIC {mixed.aic:.2f}, BIC {mixed.bic:.2f} (n = 40 respondents)" in str(mixed)
    bound = fit_mixed(data, random={"size": "normal"}, signs={"price": 1}, draws=30)
    assert (bound.at_bound, bound.parameters) == (("price",), 4)
