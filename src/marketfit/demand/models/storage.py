"""A fitted model as JSON and back, exactly: floats are written so that they read back bit for bit."""

from __future__ import annotations

import json
from collections.abc import Mapping

import numpy as np

from marketfit.demand.arrays import frozen
from marketfit.demand.coding.coding import Coding
from marketfit.demand.coding.terms import LevelsTerm, LinearTerm, PiecewiseTerm, Term
from marketfit.demand.models.mnl import MNLResult
from marketfit.errors import DataError, Problem

FORMAT = "marketfit.demand.mnl/1"


def model_to_json(result: MNLResult) -> str:
    """Everything about a fitted model, coding and covariances included, as canonical JSON."""
    coding = result.coding
    content = {
        "format": FORMAT,
        "coding": {
            "terms": [{"kind": term.kind, **vars(term)} for term in coding.terms],
            "constants": coding.constants,
            "base": coding.base,
            "none": coding.none,
            "alternative_column": coding.alternative_column,
        },
        "estimates": result.estimates.tolist(),
        "covariances": {kind: matrix.tolist() for kind, matrix in result.covariances.items()},
        "errors": result.errors,
        "log_likelihood": result.log_likelihood,
        "log_likelihood_null": result.log_likelihood_null,
        "observations": result.observations,
        "respondents": result.respondents,
        "signs": dict(result.signs),
        "at_bound": result.at_bound,
    }
    return json.dumps(content, sort_keys=True, ensure_ascii=False, allow_nan=False)


def model_from_json(text: str) -> MNLResult:
    """The model that `model_to_json` wrote. Raises DataError when the text is something else."""
    try:
        content = json.loads(text)
        if content["format"] != FORMAT:
            raise _foreign(f"has the format {content['format']!r}")
        return MNLResult(
            coding=_coding(content["coding"]),
            estimates=frozen(np.array(content["estimates"], dtype=np.float64)),
            covariances={kind: frozen(np.array(matrix)) for kind, matrix in content["covariances"].items()},
            errors=content["errors"],
            log_likelihood=content["log_likelihood"],
            log_likelihood_null=content["log_likelihood_null"],
            observations=content["observations"],
            respondents=content["respondents"],
            signs=content["signs"],
            at_bound=tuple(content["at_bound"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _foreign(f"cannot be read ({type(error).__name__}: {error})") from error


def _foreign(found: str) -> DataError:
    return DataError([Problem("demand model", found, f"JSON of the format {FORMAT}", "fit the model again")])


def _coding(content: Mapping[str, object]) -> Coding:
    terms = content["terms"]
    base, none, constants = content["base"], content["none"], content["constants"]
    if not isinstance(terms, list) or not isinstance(constants, list):
        raise TypeError("terms and constants are lists")
    return Coding(
        terms=tuple(_term(term) for term in terms),
        constants=tuple(str(name) for name in constants),
        base=None if base is None else str(base),
        none=None if none is None else str(none),
        alternative_column=str(content["alternative_column"]),
    )


def _term(content: dict[str, str | float | list[float] | list[str]]) -> Term:
    kind, attribute = content["kind"], str(content["attribute"])
    if kind == LinearTerm.kind:
        return LinearTerm(attribute, _number(content["low"]), _number(content["high"]))
    if kind == PiecewiseTerm.kind:
        return PiecewiseTerm(attribute, tuple(_number(knot) for knot in _list(content["knots"])))
    if kind == LevelsTerm.kind:
        return LevelsTerm(attribute, tuple(str(level) for level in _list(content["levels"])), str(content["base"]))
    raise ValueError(f"unknown kind of term {kind!r}")


def _list(value: object) -> list[object]:
    if not isinstance(value, list):
        raise TypeError(f"{value!r} is no list")
    return value


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{value!r} is no number")
    return float(value)
