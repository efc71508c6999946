"""A fitted model as canonical JSON and back, bit for bit."""

from __future__ import annotations

import json

from marketfit.demand.models.hierarchical.result import HBResult
from marketfit.demand.models.latent_class_result import LatentClassResult
from marketfit.demand.models.mixed.result import MixedResult
from marketfit.demand.models.mnl import MNLResult
from marketfit.demand.models.plain import from_plain, to_plain
from marketfit.demand.models.utilities import ChoiceModel
from marketfit.errors import DataError, Problem

FORMAT = "marketfit.demand.model/2"
MOST_CHARACTERS = 1 << 28
"""Longer text is no model of ours: what is read into memory stays bounded."""

MODELS: tuple[type[ChoiceModel], ...] = (MNLResult, MixedResult, HBResult, LatentClassResult)
"""The kinds of models that can be stored: frozen dataclasses of what `to_plain` writes."""


def model_to_json(result: ChoiceModel) -> str:
    """Everything about a fitted model, coding and covariances included. Raises TypeError for kinds not in `MODELS`."""
    if not isinstance(result, MODELS):
        raise TypeError(f"a {type(result).__name__} is no model that can be stored")
    content = {"format": FORMAT, "model": to_plain(result)}
    return json.dumps(content, sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def model_from_json(text: str) -> ChoiceModel:
    """The model that `model_to_json` wrote. Raises DataError when the text is something else."""
    try:
        return _model(text)
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError, DataError) as error:
        found = f"cannot be read ({type(error).__name__}: {error})"
        problem = Problem("demand model", found, f"JSON of the format {FORMAT}", "fit the model again")
        raise DataError([problem]) from error


def _model(text: str) -> ChoiceModel:
    if len(text) > MOST_CHARACTERS:
        raise ValueError(f"{len(text)} characters are too many")
    content = json.loads(text)
    if content["format"] != FORMAT:
        raise ValueError(f"the format is {content['format']!r}")
    known = {kind.__name__: kind for kind in MODELS}
    model = from_plain(content["model"], known[content["model"]["class"]])
    if not isinstance(model, MODELS) or model.means.shape != (len(model.coding.columns),):
        raise ValueError("the coefficients do not fit the coding")
    return model
