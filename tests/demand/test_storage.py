"""A model written and read again is the same model, and foreign text is refused."""

from __future__ import annotations

import json

import numpy as np
import pytest

from marketfit import demand
from marketfit.demand import ChoiceData, Piecewise, fit_mnl, model_from_json, model_to_json
from marketfit.errors import DataError


@pytest.mark.parametrize("constants", [False, True])
def test_round_trip_is_exact(data_with_none: ChoiceData, constants: bool) -> None:
    coding = {"price": Piecewise((2.5,)), "size": "linear", "brand": "levels"}
    model = fit_mnl(data_with_none, coding=coding, constants=constants, signs={"price": -1, "size": -1})  # type: ignore[arg-type]
    again = model_from_json(model_to_json(model))
    assert again.coding == model.coding
    assert again.at_bound == model.at_bound == ("size",)
    assert again.signs == model.signs
    np.testing.assert_array_equal(again.estimates, model.estimates)
    for kind, matrix in model.covariances.items():
        np.testing.assert_array_equal(again.covariances[kind], matrix)
    np.testing.assert_array_equal(
        again.mean_draws(9, np.random.default_rng(0)), model.mean_draws(9, np.random.default_rng(0))
    )
    np.testing.assert_array_equal(again.predict(data_with_none), model.predict(data_with_none))
    assert str(again) == str(model)
    assert model_to_json(again) == model_to_json(model)


@pytest.mark.parametrize("change", [{"format": "x/9"}, {"coding": {}}, {"estimates": "no"}, {"covariances": 3}])
def test_foreign_text_is_refused(data: ChoiceData, change: dict[str, object]) -> None:
    content = {**json.loads(model_to_json(fit_mnl(data))), **change}
    for text in (json.dumps(content), "no json", "[]"):
        with pytest.raises(DataError, match="demand model"):
            model_from_json(text)


@pytest.mark.parametrize("change", [{"kind": "cubic"}, {"low": "a"}, {"low": True}, {"attribute": None, "high": None}])
def test_foreign_terms_are_refused(data: ChoiceData, change: dict[str, object]) -> None:
    content = json.loads(model_to_json(fit_mnl(data)))
    content["coding"]["terms"][0].update(change)
    with pytest.raises(DataError, match="demand model"):
        model_from_json(json.dumps(content))


def test_public_names() -> None:
    assert demand.__all__ == sorted(demand.__all__)
    assert all(hasattr(demand, name) for name in demand.__all__)
