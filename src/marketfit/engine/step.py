"""Steps whose results are kept: the same inputs, brief part and version give the recorded result at once."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Sequence
from typing import Concatenate, ParamSpec, Protocol, TypeVar, cast

from pydantic import JsonValue

from marketfit.brief import MarketBrief
from marketfit.contract import Contract
from marketfit.engine.run import Run
from marketfit.records.base import Record, digest_of
from marketfit.records.plain import plain

P = ParamSpec("P")
BriefT = TypeVar("BriefT", bound=MarketBrief)
R = TypeVar("R", bound=Record)


class _Typed(Protocol):
    """What the wrapper needs to know of a step's function."""

    __name__: str


def step(
    *, version: int, gives: type[R], reads: Sequence[str], name: str = ""
) -> Callable[[Callable[Concatenate[BriefT, P], R]], Callable[Concatenate[BriefT, P], R]]:
    """Keep the results of a step `f(brief, record, …, *, run) -> record`.

    Args:
        version: raise it when the step's result would differ for the same inputs.
        gives: the record that the step returns.
        reads: the sections of the brief that it reads; no other may influence it.
        name: of the step, where its function is called otherwise.
    """

    def decorate(function: Callable[Concatenate[BriefT, P], R]) -> Callable[Concatenate[BriefT, P], R]:
        called = name or cast("_Typed", function).__name__

        def kept(brief: BriefT, /, *args: P.args, **kwargs: P.kwargs) -> R:
            run = kwargs.get("run")
            if not isinstance(run, Run):
                raise TypeError(f"{called}() needs run=Run")
            others = [*args, *(kwargs[key] for key in sorted(kwargs) if key != "run")]
            key = digest_of([called, version, brief.product, brief.part(sorted(reads)), [_digest(x) for x in others]])
            known = run.ledger.result(key)
            if known is not None:
                record, seconds = known
                run.seconds[called] = run.seconds.get(called, 0.0) + seconds
                run.reporter.say(f"{called}: kept from an earlier run ({seconds:.1f} s then)")
                return gives.model_validate_json(record)
            run.reporter.say(f"{called} …")
            began = time.monotonic()
            result = function(brief, *args, **kwargs)
            seconds = time.monotonic() - began
            record = result.model_dump_json()
            run.ledger.put_result(key, step=called, version=version, run=run.id, record=record, seconds=seconds)
            run.seconds[called] = run.seconds.get(called, 0.0) + seconds
            run.reporter.say(f"{called}: {seconds:.1f} s")
            return gives.model_validate_json(record)

        functools.update_wrapper(kept, function)
        return kept

    return decorate


def _digest(value: object) -> JsonValue:
    if value is None or isinstance(value, str | int | float | bool):
        return value
    if isinstance(value, Record):
        return value.digest()
    if isinstance(value, Contract):
        return digest_of(plain(value))
    if isinstance(value, tuple | list):
        return [_digest(item) for item in value]
    raise TypeError(f"a step takes records, not a {type(value).__name__}: its result could not be kept")
