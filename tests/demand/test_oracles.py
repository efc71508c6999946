"""The logit against other programs: statsmodels' conditional and multinomial logits, on data of every shape."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import polars as pl
import pytest
from statsmodels.datasets import anes96
from statsmodels.discrete.conditional_models import ConditionalLogit
from statsmodels.discrete.discrete_model import MNLogit

from marketfit.demand import ByAlternative, ChoiceData, fit_mnl

Tables = Callable[..., pl.DataFrame]


@pytest.mark.parametrize("none", [False, True])
def test_conditional_logit(make_table: Tables, read_choices: Callable[..., ChoiceData], none: bool) -> None:
    """Unbalanced tasks, a none option, and every kind of column at once."""
    table = make_table(11, people=25, tasks=3, none=none).with_columns(income=1.0 + pl.col("person") % 4)
    data = read_choices(table, covariates=["income"])
    model = fit_mnl(
        data,
        coding={"price": "piecewise", "size": ByAlternative(("w", "x"))},
        constants=True,
        interactions=[("brand_bolt", "income"), ("asc_w", "income")],
        errors="classical",
    )
    design = model.coding.design(data).matrix
    chosen = np.zeros(data.rows)
    chosen[data.chosen] = 1
    theirs = ConditionalLogit(chosen, design, groups=data.task_of_row)
    assert theirs.loglike(model.estimates) == pytest.approx(model.log_likelihood, abs=1e-8)
    np.testing.assert_allclose(theirs.score(model.estimates), 0.0, atol=1e-5)
    # Their search ends early, so that its errors are compared at our estimates.
    information = -np.array(
        [
            (theirs.score(model.estimates + shift) - theirs.score(model.estimates - shift)) / 2e-5
            for shift in 1e-5 * np.eye(design.shape[1])
        ]
    )
    errors = np.sqrt(np.diag(np.linalg.inv((information + information.T) / 2)))
    np.testing.assert_allclose(list(model.standard_errors.values()), errors, rtol=1e-4)


def test_individual_variables_alone() -> None:
    """Party identification by age, education, income …: the multinomial logit of the statsmodels documentation."""
    people = anes96.load_pandas()
    names = [str(name) for name in people.exog.columns]
    wide = people.exog.assign(task=np.arange(len(people.exog)), took=people.endog.astype(int))
    long = pd.concat([wide.assign(party=party, won=wide["took"] == party) for party in range(7)])
    data = ChoiceData.from_table(long, task="task", alternative="party", chosen="won", attributes=[], covariates=names)
    crossed = [("asc", name) for name in names]
    model = fit_mnl(data, constants=True, base="0", interactions=crossed, errors="classical")
    exogenous = people.exog.assign(const=1.0)[["const", *names]]
    theirs = MNLogit(people.endog, exogenous).fit(method="newton", tol=1e-10, disp=False)
    assert f"{model.log_likelihood:.2f}" == "-1461.92"  # as printed there
    assert model.log_likelihood == pytest.approx(theirs.llf, abs=1e-7)
    ours = model.estimates.reshape(len(names) + 1, 6)
    np.testing.assert_allclose(ours, theirs.params.to_numpy(), rtol=1e-5, atol=1e-7)
    errors = np.array(list(model.standard_errors.values())).reshape(len(names) + 1, 6)
    np.testing.assert_allclose(errors, theirs.bse.to_numpy(), rtol=1e-5)
