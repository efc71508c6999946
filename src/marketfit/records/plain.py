"""Plain records: what a bundle says of itself, as frozen dataclasses that are read strictly and without pydantic.

A process that only loads a bundle reads them when it starts: there pydantic took 10 MB, and its import 0.09 s. Other
records hold plain ones as they hold any dataclass.
"""

from __future__ import annotations

import enum
import re
import sys
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from functools import cache
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias, TypeVar, Union, cast

if TYPE_CHECKING:
    from _typeshed import DataclassInstance
    from pydantic import JsonValue
else:
    JsonValue = object

__all__ = ["AtLeast", "JsonValue", "Matching", "Misfit", "MisfitError", "Sha256", "plain", "read_plain"]

MOST_MISFITS = 1000
"""Once there are more, nothing further is looked into: a hostile document has a hundred thousand."""

T = TypeVar("T")
_Parts: TypeAlias = tuple[object, ...]


@dataclass(frozen=True)
class Matching:
    """In `Annotated`: text that a pattern matches as a whole."""

    pattern: str


@dataclass(frozen=True)
class AtLeast:
    """In `Annotated`: a number that is not below."""

    least: int


Sha256 = Annotated[str, Matching(r"[0-9a-f]{64}")]


@dataclass(frozen=True)
class Misfit:
    """What in a document does not fit a record: where (`files:model.onnx:bytes`), what was found, what is allowed."""

    where: str
    found: str
    allowed: str = ""


class MisfitError(ValueError):
    """A document that is not the record that it should be."""

    def __init__(self, misfits: tuple[Misfit, ...]) -> None:
        super().__init__(f"{len(misfits)} fields do not fit")
        self.misfits = misfits


def plain(value: object) -> JsonValue:
    """A record, or anything of records, as JSON has it.

    >>> plain((Misfit("a", "b"),))
    [{'where': 'a', 'found': 'b', 'allowed': ''}]
    """
    if is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    return cast("JsonValue", value.value if isinstance(value, enum.Enum) else value)


def read_plain(kind: type[T], document: object) -> T:
    """The record that a JSON document is of: every field is there, of its type, and no other.

    Fields with a default may be missing. Known types: bool, int, float, str, enumerations, literals, tuples and
    mappings of one type, plain records, any of these or None, and `JsonValue`.

    Raises:
        MisfitError: everything that does not fit.

    >>> read_plain(Misfit, {"where": "a", "fond": "b"})
    Traceback (most recent call last):
    ...
    marketfit.records.plain.MisfitError: 2 fields do not fit
    """
    misfits: list[Misfit] = []
    found = _read(kind, document, "", misfits)
    if misfits:
        raise MisfitError(tuple(misfits))
    return cast("T", found)


@cache
def _hints(kind: type) -> Mapping[str, object]:
    return typing.get_type_hints(kind, include_extras=True)


def _read(hint: object, value: object, where: str, misfits: list[Misfit]) -> object:
    if len(misfits) > MOST_MISFITS:
        return None
    reader = _READERS.get(typing.get_origin(hint))
    if reader is None:
        return _single(hint, value, where, misfits)
    return reader(typing.get_args(hint), value, where, misfits)


def _tuple(parts: _Parts, value: object, where: str, misfits: list[Misfit]) -> object:
    if not isinstance(value, list):
        return _refuse(value, "a list", where, misfits)
    return tuple(_read(parts[0], item, _at(where, place), misfits) for place, item in enumerate(value))


def _mapping(parts: _Parts, value: object, where: str, misfits: list[Misfit]) -> object:
    if not isinstance(value, dict):
        return _refuse(value, "an object", where, misfits)
    return {key: _read(parts[1], item, _at(where, key), misfits) for key, item in value.items()}


def _optional(parts: _Parts, value: object, where: str, misfits: list[Misfit]) -> object:
    (only,) = (part for part in parts if part is not types.NoneType)
    return None if value is None else _read(only, value, where, misfits)


def _literal(parts: _Parts, value: object, where: str, misfits: list[Misfit]) -> object:
    if any(type(value) is type(one) and value == one for one in parts):
        return value
    return _refuse(value, " or ".join(repr(one) for one in parts), where, misfits)


def _annotated(parts: _Parts, value: object, where: str, misfits: list[Misfit]) -> object:
    found = _read(parts[0], value, where, misfits)
    for mark in parts[1:]:
        if isinstance(mark, Matching) and isinstance(found, str) and not re.fullmatch(mark.pattern, found, re.ASCII):
            _refuse(found, f"text like {mark.pattern}", where, misfits)
        if isinstance(mark, AtLeast) and isinstance(found, int) and found < mark.least:
            _refuse(found, f"at least {mark.least}", where, misfits)
    return found


_READERS: Mapping[object, Callable[[_Parts, object, str, list[Misfit]], object]] = {
    Annotated: _annotated,
    Literal: _literal,
    Union: _optional,
    types.UnionType: _optional,
    tuple: _tuple,
    Mapping: _mapping,
}


def _single(hint: object, value: object, where: str, misfits: list[Misfit]) -> object:
    if hint is object:
        return value
    if isinstance(hint, type) and is_dataclass(hint):
        return _record(hint, value, where, misfits)
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return _member(hint, value, where, misfits)
    if hint is float and type(value) is int and abs(value) <= sys.float_info.max:
        return float(value)
    if type(value) is hint:
        return value
    return _refuse(value, _NAMES[cast("type", hint)], where, misfits)


_NAMES = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}


def _record(kind: type[DataclassInstance], value: object, where: str, misfits: list[Misfit]) -> object:
    if not isinstance(value, dict):
        return _refuse(value, "an object", where, misfits)
    known, before = {field.name: field for field in fields(kind)}, len(misfits)
    misfits += [Misfit(_at(where, name), "there is no such field") for name in value if name not in known]
    misfits += [
        Misfit(_at(where, name), "the field is missing")
        for name, field in known.items()
        if name not in value and field.default is MISSING and field.default_factory is MISSING
    ]
    hints = _hints(kind)
    read = {name: _read(hints[name], value[name], _at(where, name), misfits) for name in known if name in value}
    return None if len(misfits) > before else kind(**read)


def _member(kind: type[enum.Enum], value: object, where: str, misfits: list[Misfit]) -> object:
    found = next((one for one in kind if type(value) is str and one.value == value), None)
    return found or _refuse(value, " or ".join(repr(str(one.value)) for one in kind), where, misfits)


def _refuse(value: object, allowed: str, where: str, misfits: list[Misfit]) -> object:
    """Note it, and give something in its place: what is read is thrown away in the end."""
    text = repr(value)
    misfits.append(Misfit(where, f"it is {text if len(text) <= 60 else text[:57] + '…'}", allowed))
    return None


def _at(where: str, part: object) -> str:
    return f"{where}:{part}" if where else str(part)
