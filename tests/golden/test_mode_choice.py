"""Greene (2003), Econometric Analysis, table 21.11: travel mode choice between Sydney and Melbourne, 210 travellers.

The data come with statsmodels, so that this runs wherever the tests do.
"""

from __future__ import annotations

import pandas as pd
import pytest
from statsmodels.datasets import modechoice

from marketfit.demand import ChoiceData, MNLResult, fit_mnl

MODES = {1: "air", 2: "train", 3: "bus", 4: "car"}
TRUE_SHARES = {"air": 0.14, "train": 0.13, "bus": 0.09, "car": 0.64}
COLUMNS = ("gc", "ttme", "asc_air", "asc_bus", "asc_train", "asc_air:hinc")


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return modechoice.load_pandas().data.assign(alt=lambda rows: rows["mode"].map(MODES))


def fit(table: pd.DataFrame, **parts: str) -> MNLResult:
    data = ChoiceData.from_table(
        table,
        task="individual",
        alternative="alt",
        chosen="choice",
        attributes=["gc", "ttme"],
        covariates=["hinc"],
        **parts,  # type: ignore[arg-type]
    )
    return fit_mnl(data, constants=True, base="car", interactions=[("asc_air", "hinc")])


def digits(values: dict[str, float], shape: tuple[int, ...]) -> list[str]:
    return [f"{values[name]:.{places}f}" for name, places in zip(COLUMNS, shape, strict=True)]


def test_conditional_logit(table: pd.DataFrame) -> None:
    result = fit(table)
    assert result.coding.columns == COLUMNS
    assert f"{result.log_likelihood:.4f}" == "-199.1284"
    assert f"{result.log_likelihood_null:.4f}" == "-291.1218"
    shape = (5, 5, 4, 4, 4, 5)
    assert digits(result.coefficients, shape) == ["-0.01550", "-0.09612", "5.2074", "3.1632", "3.8690", "0.01329"]
    assert digits(result.standard_errors, shape) == ["0.00441", "0.01044", "0.7791", "0.4503", "0.4431", "0.01026"]


def test_constants_alone(table: pd.DataFrame) -> None:
    data = ChoiceData.from_table(table, task="individual", alternative="mode", chosen="choice", attributes=[])
    result = fit_mnl(data, constants=True)
    assert f"{result.log_likelihood:.4f}" == "-283.7588"
    assert result.coding.columns == ("asc_1", "asc_2", "asc_3")


def test_choice_based_sampling_is_corrected_by_weights(table: pd.DataFrame) -> None:
    took = table[table["choice"] == 1].set_index("individual")["alt"]
    weight = took.map(TRUE_SHARES) / took.map(took.value_counts(normalize=True))
    result = fit(table.assign(weight=table["individual"].map(weight)), weights="weight")
    assert f"{result.log_likelihood:.4f}" == "-147.5896"
    shown = digits(result.coefficients, (5, 5, 4, 4, 4, 5))
    assert shown == ["-0.01333", "-0.13405", "6.5940", "3.3218", "3.6190", "-0.00108"]
