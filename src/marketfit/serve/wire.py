"""Requests read from the wire: bodies within limits, JSON, and the checks of each request."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Mapping, Sequence
from typing import cast

from pydantic import JsonValue, SecretStr, ValidationError
from pydantic_core import from_json
from starlette.requests import Request

from marketfit.errors import Problem, nearest
from marketfit.ledger.feedback import FeedbackItem
from marketfit.serve.refusal import RefusalError
from marketfit.serve.settings import ServeSettings

_BODY_SECONDS = 30.0

_TEXT: dict[str, JsonValue] = {"anyOf": [{"type": "string"}, {"type": "object"}], "description": "one example"}
PREDICT_SCHEMA: Mapping[str, JsonValue] = {
    "oneOf": [
        {"type": "object", "required": ["inputs"], "properties": {"inputs": {"type": "array", "items": _TEXT}}},
        {"type": "object", "required": ["input"], "properties": {"input": _TEXT}},
    ]
}
ERASE_SCHEMA: Mapping[str, JsonValue] = {
    "type": "object",
    "required": ["prediction"],
    "properties": {"prediction": {"type": "string"}},
}


def feedback_schema() -> dict[str, JsonValue]:
    """The JSON schema of /feedback: one item, or several under `items`."""
    item = cast("dict[str, JsonValue]", FeedbackItem.model_json_schema())
    items: dict[str, JsonValue] = {"type": "array", "items": item}
    return {"oneOf": [item, {"type": "object", "required": ["items"], "properties": {"items": items}}]}


async def read_object(request: Request, settings: ServeSettings) -> Mapping[str, JsonValue]:
    """The JSON object in a request's body.

    Raises:
        RefusalError: 415 no JSON by its type, 413 too large (known while it streams), 408 too slow, 400 not JSON.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        problem = Problem("Content-Type", f"'{kind[:100]}'", "application/json", "send JSON and say so")
        raise RefusalError(415, [problem])
    body = await read_body(request, settings.max_body_bytes)
    try:
        value = from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise RefusalError(400, [Problem("body", f"this is not JSON: {error}", "", "send a JSON object")]) from None
    if not isinstance(value, dict):
        found = f"a JSON {type(value).__name__}"
        raise RefusalError(422, [Problem("body", found, "a JSON object", "wrap it, see /docs")])
    return value


async def read_body(request: Request, limit: int) -> bytes:
    """The bytes of a request's body.

    Raises:
        RefusalError: 413 too large (known while it streams), 408 too slow.
    """
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            return await _read_all(request, limit)
    except TimeoutError:
        problem = Problem("body", f"not complete after {_BODY_SECONDS:.0f} seconds", "", "send it faster, or in parts")
        raise RefusalError(408, [problem], headers={"Connection": "close"}) from None


async def _read_all(request: Request, limit: int) -> bytes:
    stated = request.headers.get("content-length", "")
    size = int(stated) if stated.isdecimal() else 0
    pieces: list[bytes] = []
    seen = 0
    if size <= limit:
        async for piece in request.stream():
            seen += len(piece)
            if seen > limit:
                break
            pieces.append(piece)
    if max(size, seen) > limit:
        problem = Problem("body", f"more than {limit:,} bytes", f"at most {limit:,}", "send several smaller requests")
        raise RefusalError(413, [problem], headers={"Connection": "close"})
    return b"".join(pieces)


def read_inputs(body: Mapping[str, JsonValue], settings: ServeSettings) -> list[JsonValue]:
    """The inputs of /predict.

    Raises:
        RefusalError: 422 with everything that is wrong.
    """
    problems = _unknown_keys(body, ("input", "inputs"), "body")
    if ("input" in body) == ("inputs" in body):
        found = "has both 'input' and 'inputs'" if "input" in body else "has neither 'input' nor 'inputs'"
        problems.append(Problem("body", found, "exactly one of them", 'send {"inputs": ["…", "…"]}'))
        raise RefusalError(422, problems)
    listed = body["inputs"] if "inputs" in body else [body["input"]]
    if not isinstance(listed, list):
        problem = Problem("inputs", f"a JSON {type(listed).__name__}", "a list of examples", "send a list, or 'input'")
        raise RefusalError(422, [*problems, problem])
    problems += count_problems(listed, "inputs", settings.max_items)
    if not problems:
        for number, example in enumerate(listed):
            where = f"inputs[{number}]" if "inputs" in body else "input"
            problems += example_problems(example, where, settings.max_characters)
    if problems:
        raise RefusalError(422, problems)
    return listed


def read_items(body: Mapping[str, JsonValue], settings: ServeSettings) -> dict[str, FeedbackItem]:
    """The items of /feedback, each under the name of its place.

    Raises:
        RefusalError: 422 with everything that is wrong.
    """
    given: dict[str, JsonValue] = {"body": dict(body)}
    problems: list[Problem] = []
    if "items" in body:
        listed = body["items"]
        problems += _unknown_keys(body, ("items",), "body")
        if not isinstance(listed, list):
            problems.append(Problem("items", f"a JSON {type(listed).__name__}", "a list", "send a list"))
            raise RefusalError(422, problems)
        problems += count_problems(listed, "items", settings.max_items)
        given = {f"items[{number}]": item for number, item in enumerate(listed[: settings.max_items])}
    items: dict[str, FeedbackItem] = {}
    for where, value in given.items():
        try:
            items[where] = FeedbackItem.model_validate(value)
        except ValidationError as error:
            problems += [_field_problem(where, d["loc"], d["type"], d["msg"]) for d in error.errors()]
            continue
        if items[where].input is not None:
            problems += example_problems(items[where].input, f"{where}.input", settings.max_characters)
    if problems:
        raise RefusalError(422, problems)
    return items


def count_problems(listed: Sequence[object], where: str, most: int) -> list[Problem]:
    """Too few or too many of something."""
    if not listed:
        return [Problem(where, "an empty list", "one or more", "send something")]
    if len(listed) > most:
        return [Problem(where, f"{len(listed):,} entries", f"at most {most:,}", "send several smaller requests")]
    return []


def example_problems(example: JsonValue, where: str, most: int) -> list[Problem]:
    """What no example may be, whatever its task; the task's runtime checks the rest."""
    if example is None or isinstance(example, bool):
        return [Problem(where, json.dumps(example), "an example", "send the example itself")]
    if isinstance(example, str) and not example.strip():
        return [Problem(where, "an empty text", "some text", "leave it out")]
    length = len(example) if isinstance(example, str) else len(json.dumps(example, ensure_ascii=False))
    if length > most:
        return [Problem(where, f"{length:,} characters", f"at most {most:,}", "shorten it")]
    return []


def check_token(request: Request, *wanted: SecretStr | None) -> None:
    """Let a request pass that has the first token that is set; none set lets everybody pass.

    Raises:
        RefusalError: 401.
    """
    token = next((one for one in wanted if one is not None), None)
    if token is None:
        return
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    same = secrets.compare_digest(given.strip().encode(), token.get_secret_value().encode())
    if scheme.lower() != "bearer" or not same:
        problem = Problem("Authorization", "no valid token", "Bearer TOKEN", "send the token of this server")
        raise RefusalError(401, [problem], headers={"WWW-Authenticate": "Bearer"})


def _unknown_keys(body: Mapping[str, JsonValue], known: Sequence[str], where: str) -> list[Problem]:
    return [
        Problem(where, f"unknown key '{key[:100]}'", nearest(key[:100], known), "rename or remove it")
        for key in body
        if key not in known
    ]


def _field_problem(where: str, location: tuple[int | str, ...], kind: str, message: str) -> Problem:
    names = [where, *(str(part)[:100] for part in location)]
    if kind == "extra_forbidden":
        allowed = nearest(names[-1], FeedbackItem.model_fields)
        return Problem(where, f"unknown key '{names[-1]}'", allowed, "rename or remove it")
    return Problem(".".join(names), message[:1].lower() + message[1:], "see /docs", "correct it")
