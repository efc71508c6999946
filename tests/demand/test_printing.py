"""What results print: the figures that they hold, the same at the prompt as by `print`."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from marketfit.demand import (
    Change,
    ChoiceData,
    DesignSpace,
    MNLResult,
    PriceGame,
    balanced_design,
    competitive_value,
    diagnose,
    elasticities,
    equilibrium,
    fit_hb,
    fit_latent_class,
    fit_mixed,
    fit_mnl,
    importance,
    price_after_reaction,
    price_curve,
    search_line,
    simulate,
    what_if,
    willingness_to_pay,
)
from marketfit.errors import DataError

OFFERS = {
    "ours": {"price": 2.0, "size": 0.0, "brand": "ajax"},
    "theirs": {"price": 3.0, "size": 0.0, "brand": "bolt"},
}
GAME = PriceGame({"ours": "us", "theirs": "them"}, {"ours": 0.5, "theirs": 0.5})
SPACE = DesignSpace({"brand": ("A", "B", "C"), "price": (1.0, 2.0, 3.0)}, tasks=6, alternatives=3, versions=2)

RESULTS: dict[str, Callable[[MNLResult, ChoiceData], object]] = {
    "logit": lambda model, _: model,
    "mixed logit": lambda _, data: fit_mixed(data, random={"price": "normal"}, draws=10),
    "hierarchical Bayes": lambda _, data: fit_hb(data, iterations=20, chains=1),
    "latent classes": lambda _, data: fit_latent_class(data, classes=1),
    "willingness to pay": lambda model, _: willingness_to_pay(model),
    "shares": lambda model, _: simulate(model, OFFERS),
    "what if": lambda model, _: what_if(model, OFFERS, changes=[Change("ours", "price", 1.0)], ours=["ours"]),
    "line search": lambda model, _: search_line(model, OFFERS, candidates={"new": OFFERS["ours"]}),
    "equilibrium": lambda model, _: equilibrium(model, OFFERS, game=GAME, worlds=3),
    "price curve": lambda model, _: price_curve(model, OFFERS, offer="ours", prices=[1, 2]),
    "importance": lambda model, _: importance(model),
    "elasticities": lambda model, _: elasticities(model, OFFERS, offer="ours"),
    "competitive value": lambda model, _: competitive_value(model, OFFERS, offer="ours", change={"size": 0.5}),
    "price reaction": lambda model, _: price_after_reaction(
        model, OFFERS, offer="ours", prices=[1, 2], game=GAME, worlds=3
    ),
    "diagnosis": lambda *_: diagnose(balanced_design(SPACE, rng=1)),
    "design": lambda *_: balanced_design(SPACE, rng=1),
}


@pytest.fixture(scope="module")
def model(data_with_none: ChoiceData) -> MNLResult:
    return fit_mnl(data_with_none)


@pytest.mark.parametrize("make", RESULTS.values(), ids=RESULTS)
def test_the_prompt_shows_a_small_table(
    make: Callable[[MNLResult, ChoiceData], object], model: MNLResult, data_with_none: ChoiceData
) -> None:
    result = make(model, data_with_none)
    text = repr(result)
    assert text == str(result)
    assert "array(" not in text
    assert "object at" not in text
    assert 3 <= len(text.splitlines()) <= 30
    assert max(map(len, text.splitlines())) <= 120


def cells(result: object, name: str) -> list[str]:
    (line,) = [line for line in str(result).splitlines() if line.startswith(f"{name} ")]
    return line.removeprefix(name).split()


def test_shares(model: MNLResult) -> None:
    shares = simulate(model, {**OFFERS, "ours": {**OFFERS["ours"], "price": 99.0}})
    told = [f"{100 * float(value[0]):.1f}" for value in (shares.share, shares.low, shares.high)]
    assert cells(shares, "ours") == told
    assert cells(shares, "none")[0] == f"{100 * shares.mean['none']:.1f}"
    assert "taken at the nearest end: price of ours" in str(shares)
    assert cells(simulate(model, OFFERS, draws=5), "ours")[1:] == ["–", "–"]


def test_what_if(model: MNLResult) -> None:
    changed = what_if(model, OFFERS, changes=[Change("ours", "price", 1.0)])
    figures = (changed.before.share, changed.after.share, changed.difference, changed.difference_low)
    assert cells(changed, "theirs")[:4] == [f"{100 * float(figure[1]):.1f}" for figure in figures]


def test_line_search(model: MNLResult) -> None:
    found = search_line(model, OFFERS, candidates={"a": OFFERS["ours"], "b": OFFERS["theirs"]}, size=2)
    assert cells(found, "a + b")[0] == f"{found.lines[0].goal.value:.5g}"
    assert "The best 3 of 3 lines" in str(found)


def test_equilibrium(model: MNLResult) -> None:
    found = equilibrium(model, OFFERS, game=GAME, worlds=100)
    assert cells(found, "ours")[0] == f"{found.prices['ours'].value:.5g}"
    assert cells(found, "none")[:3] == ["–", "–", "–"]
    assert f"us {found.profits['us'].value:.5g}" in str(found)


def test_design() -> None:
    design = balanced_design(SPACE, rng=1)
    second = design.offers(0, 1)[2]
    assert cells(design, "2.3") == [second["brand"], f"{second['price']:g}"]
    assert str(design).startswith("Choice design: 2 versions of 6 tasks of 3 alternatives and none")


def test_willingness_to_pay_is_found_by_its_column(model: MNLResult) -> None:
    worth = willingness_to_pay(model)
    assert worth["size"] is worth.values["size"]
    assert repr(worth["size"]).startswith(f"{worth['size'].value:.5g} (std. error {worth['size'].standard_error:.5g}, ")
    assert cells(worth, "size")[:2] == [f"{worth['size'].value:.5g}", f"{worth['size'].standard_error:.5g}"]
    with pytest.raises(DataError, match=r"'siz': has no value here; did you mean 'size'\?"):
        _ = worth["siz"]
