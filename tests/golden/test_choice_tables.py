"""Public choice data with published estimates: the model must reach the same numbers.

Sources of the published numbers: the README of the data folder (logitr and mlogit vignettes, xlogit).
The data are read from ../shared/data beside the repository; without them these tests are skipped.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pytest
from scipy.special import chdtrc

from marketfit.demand import ChoiceData, Levels, fit_mnl, willingness_to_pay

FOLDER = Path(__file__).parents[2].parent / "shared" / "data"
CARS = (
    "hev phev10 phev20 phev40 bev75 bev100 bev150 phevFastcharge bevFastcharge price opCost accelTime "
    "american japanese chinese skorean"
)


def read(name: str) -> pl.DataFrame:
    path = FOLDER / f"choice_{name}.parquet"
    if not path.exists():
        pytest.skip(f"{path} is missing: the public choice data are not part of the project")
    return pl.read_parquet(path)


def choices(table: pl.DataFrame, attributes: Sequence[str], covariates: Sequence[str] = ()) -> ChoiceData:
    respondent = "person_id" if "person_id" in table.columns else None
    return ChoiceData.from_table(
        table,
        respondent=respondent,
        task="obs_id",
        alternative="alt",
        chosen="chosen",
        attributes=attributes,
        covariates=covariates,
    )


def published(text: str) -> tuple[dict[str, float], dict[str, float]]:
    """Coefficients and standard errors from lines such as `price -0.36658 0.0244`."""
    rows = [line.split() for line in text.strip().splitlines()]
    return {row[0]: float(row[1]) for row in rows}, {row[0]: float(row[2]) for row in rows}


def check(data: ChoiceData, text: str, log_likelihood: float, *, constants: bool = False) -> None:
    result = fit_mnl(data, constants=constants)
    values, errors = published(text)
    assert result.coefficients == pytest.approx(values, rel=2e-4)
    assert result.standard_errors == pytest.approx(errors, rel=6e-3)
    assert result.log_likelihood == pytest.approx(log_likelihood, abs=6e-4)


def test_yogurt() -> None:
    data = choices(read("yogurt"), ["price", "feat", "brand"])
    text = """
    price -0.366584 0.0244
    feat 0.491434 0.12
    brand_hiland -3.715600 0.145
    brand_weight -0.641184 0.0545
    brand_yoplait 0.734571 0.0806
    """
    check(data, text, -2656.88788)
    result = fit_mnl(data)
    assert (result.observations, result.respondents) == (2412, 100)
    assert result.coefficients == pytest.approx(published(text)[0], abs=2e-6)
    assert result.log_likelihood == pytest.approx(-2656.88788, abs=1e-5)


def test_yogurt_willingness_to_pay() -> None:
    result = fit_mnl(choices(read("yogurt"), ["price", "feat", "brand"]), coding={"brand": Levels("dannon")})
    values = {name: value.value for name, value in willingness_to_pay(result).values.items()}
    expected = {"feat": 1.3406, "brand_hiland": -10.1357, "brand_weight": -1.7491, "brand_yoplait": 2.0038}
    assert values == pytest.approx(expected, abs=1e-4)
    printed = {"feat": "1.34", "brand_hiland": "-10.14", "brand_weight": "-1.75", "brand_yoplait": "2.00"}
    assert {name: f"{value:.2f}" for name, value in values.items()} == printed


def test_heating_without_constants() -> None:
    data = choices(read("heating"), ["ic", "oc"])
    check(data, "ic -0.0062319 0.000353\noc -0.0045801 0.000322", -1095.237)
    result = fit_mnl(data)
    assert {name: f"{value:.7f}" for name, value in result.coefficients.items()} == {
        "ic": "-0.0062319",
        "oc": "-0.0045801",
    }
    # Mean probabilities of the alternatives, as the mlogit vignette prints them.
    shares = read("heating").with_columns(chance=result.predict(data)).group_by("alt").agg(pl.col("chance").mean())
    printed = {"ec": 0.10413057, "er": 0.05141477, "gc": 0.51695653, "gr": 0.24030898, "hp": 0.08718915}
    assert dict(shares.iter_rows()) == pytest.approx(printed, abs=2e-8)


def test_heating_with_constants() -> None:
    text = """
    ic -0.0015332 0.000621
    oc -0.0069964 0.00155
    asc_ec 1.65885 0.448
    asc_er 1.85344 0.362
    asc_gc 1.71098 0.227
    asc_gr 0.30826 0.207
    """
    data = choices(read("heating"), ["ic", "oc"])
    assert "hp" not in fit_mnl(data, constants=True).coding.constants
    check(data, text, -1008.229, constants=True)
    shown = {name: f"{value:.7f}" for name, value in fit_mnl(data, constants=True).coefficients.items()}
    assert (shown["ic"], shown["oc"]) == ("-0.0015332", "-0.0069964")


def test_heating_with_income() -> None:
    """Kenneth Train's exercises with mlogit, part 1, question 4: income in each alternative's constant, or in price."""
    table = read("heating")
    data = choices(table, ["ic", "oc"], covariates=["income"])
    without = fit_mnl(data, constants=True)
    crossed = fit_mnl(data, constants=True, interactions=[("asc", "income")])
    assert crossed.coding.columns[-4:] == ("asc_ec:income", "asc_er:income", "asc_gc:income", "asc_gr:income")
    assert crossed.log_likelihood == pytest.approx(-1005.9, abs=0.05)
    ratio = 2 * (crossed.log_likelihood - without.log_likelihood)
    assert (f"{ratio:.4f}", f"{chdtrc(4, ratio):.4f}") == ("4.6803", "0.3217")
    relative = choices(table.with_columns(iic=pl.col("ic") / pl.col("income")), ["oc", "iic"])
    result = fit_mnl(relative, constants=True)
    assert f"{result.coefficients['iic']:.7f}" == "-0.0027658"
    assert result.log_likelihood == pytest.approx(-1010.2, abs=0.05)


def test_electricity() -> None:
    text = """
    pf -0.62523 0.0232
    cl -0.1083 0.00824
    loc 1.4422 0.0506
    wk 0.9955 0.0448
    tod -5.4628 0.184
    seas -5.84 0.187
    """
    check(choices(read("electricity"), ["pf", "cl", "loc", "wk", "tod", "seas"]), text, -4958.649)


def test_train() -> None:
    # Price in euros (2.20371 guilders each, as the vignette multiplies), time in hours.
    table = read("train").with_columns(price=pl.col("price") / 100 * 2.20371, time=pl.col("time") / 60)
    text = """
    price -0.0673580 0.00339
    time -1.7205514 0.16
    change -0.3263409 0.0595
    comfort -0.9457256 0.0649
    """
    data = choices(table, ["price", "time", "change", "comfort"])
    check(data, text, -1724.15)
    worth = willingness_to_pay(fit_mnl(data)).values
    assert worth["time"].value == pytest.approx(-1.7205514 / 0.0673580, rel=1e-5)
    assert worth["comfort"].value == pytest.approx(-14.04, abs=0.005)


def test_train_willingness_to_pay() -> None:
    # A euro is 2.20371 guilders, so that a price in euros is one in guilders divided by it: euros for an hour less,
    # a change less, a class of comfort more.
    table = read("train").with_columns(price=pl.col("price") / 100 / 2.20371, time=pl.col("time") / 60)
    result = fit_mnl(choices(table, ["price", "time", "change", "comfort"]))
    assert f"{result.log_likelihood:.2f}" == "-1724.15"
    # The table prints what one unit less is worth; willingness to pay is for one unit more.
    worth = {name: f"{value.value:.3f}" for name, value in willingness_to_pay(result).values.items()}
    assert worth == {"time": "-5.260", "change": "-0.998", "comfort": "-2.891"}


def test_cars_us() -> None:
    text = """
    hev 0.059607 0.0737
    phev10 0.086146 0.0787
    phev20 0.12174 0.0796
    phev40 0.19059 0.079
    bev75 -1.1855 0.0873
    bev100 -0.96068 0.0868
    bev150 -0.7073 0.0842
    phevFastcharge 0.2127 0.0599
    bevFastcharge 0.21565 0.067
    price -0.073878 0.00205
    opCost -0.12087 0.00443
    accelTime -0.12537 0.0116
    american 0.17318 0.0588
    japanese -0.02768 0.0585
    chinese -0.75864 0.0623
    skorean -0.44556 0.0609
    """
    check(choices(read("cars_us"), CARS.split()), text, -4616.952)
