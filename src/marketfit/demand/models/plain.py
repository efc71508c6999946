"""Frozen dataclasses as plain JSON values and back, exactly: what is read is held against the types of the fields.

Numbers, text, None, arrays, tuples, mappings and dataclasses of these can be written. Arrays are base64 of their
little-endian bytes, arrays of text lists; mappings are lists of pairs, which keeps their order.
"""

from __future__ import annotations

import base64
import dataclasses
import math
import types
from collections.abc import Mapping
from typing import Literal, TypeAlias, Union, get_args, get_origin, get_type_hints

import numpy as np
from numpy.typing import NDArray

from marketfit.demand.arrays import frozen

Plain: TypeAlias = bool | int | float | str | list["Plain"] | dict[str, "Plain"] | None

_DTYPES = {np.float64: "<f8", np.float32: "<f4", np.int64: "<i8", np.bool_: "|b1"}
_CLASS, _NUMBER = "class", "number"


def to_plain(value: object) -> Plain:
    """The value as JSON knows it. Raises TypeError for what cannot be written."""
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else {_NUMBER: str(value)}
    if isinstance(value, np.ndarray):
        return _array_to_plain(value)
    if isinstance(value, tuple):
        return [to_plain(item) for item in value]
    if isinstance(value, Mapping):
        return [[to_plain(key), to_plain(item)] for key, item in value.items()]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: to_plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
        return {_CLASS: type(value).__name__, **fields}
    raise TypeError(f"a {type(value).__name__} cannot be written")


def from_plain(value: Plain, kind: type[object]) -> object:
    """The dataclass of this kind that `to_plain` wrote. Raises ValueError or TypeError for anything else."""
    fields = _object(value)
    if not dataclasses.is_dataclass(kind) or fields.get(_CLASS) != kind.__name__:
        raise ValueError(f"a {kind.__name__} is expected")
    hints = get_type_hints(kind)
    names = [field.name for field in dataclasses.fields(kind)]
    if {_CLASS, *names} != set(fields):
        raise ValueError(f"the fields of a {kind.__name__} are {', '.join(names)}")
    return kind(**{name: _read(fields[name], hints[name]) for name in names})


def _read(value: Plain, hint: object) -> object:
    """The value of a field of this type."""
    origin, parts = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return _read_one_of(value, parts)
    if origin is tuple:
        return _read_tuple(value, parts)
    if origin is not None and isinstance(origin, type) and issubclass(origin, Mapping):
        return dict(_read_pair(pair, parts) for pair in _list(value))
    if origin is np.ndarray:
        return frozen(_read_array(value, get_args(parts[1])[0]))
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        return from_plain(value, hint)
    return _read_scalar(value, hint)


def _read_scalar(value: Plain, hint: object) -> object:
    if get_origin(hint) is Literal:
        if value in get_args(hint):
            return value
    elif hint is float:
        if isinstance(value, dict) and set(value) == {_NUMBER}:
            return float(_text(value[_NUMBER]))
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return float(value)
    elif hint is int:
        if isinstance(value, int) and not isinstance(value, bool):
            return value
    elif hint in (str, bool, types.NoneType) and type(value) is hint:
        return value
    raise TypeError(f"{_shown(value)} where {hint} is expected")


def _read_one_of(value: Plain, hints: tuple[object, ...]) -> object:
    for hint in hints:
        try:
            return _read(value, hint)
        except (TypeError, ValueError):
            continue
    raise TypeError(f"{_shown(value)} fits none of the types that are allowed here")


def _read_tuple(value: Plain, hints: tuple[object, ...]) -> tuple[object, ...]:
    items = _list(value)
    if len(hints) == 2 and hints[1] is Ellipsis:
        return tuple(_read(item, hints[0]) for item in items)
    return tuple(_read(item, hint) for item, hint in zip(items, hints, strict=True))


def _read_pair(value: Plain, hints: tuple[object, ...]) -> tuple[object, object]:
    key, item = _list(value)
    return _read(key, hints[0]), _read(item, hints[1])


def _array_to_plain(array: NDArray[np.generic]) -> Plain:
    shape: list[Plain] = list(array.shape)
    if array.dtype.kind in "OU":
        return {"texts": [_text(item) for item in array.ravel().tolist()], "shape": shape}
    if array.dtype.type not in _DTYPES:
        raise TypeError(f"an array of {array.dtype} cannot be written")
    dtype = _DTYPES[array.dtype.type]
    content = base64.b64encode(np.ascontiguousarray(array, dtype=dtype).tobytes())
    return {"dtype": dtype, "shape": shape, "base64": content.decode("ascii")}


def _read_array(value: Plain, scalar: type[np.generic]) -> NDArray[np.generic]:
    fields = _object(value)
    shape = _read_shape(fields.get("shape"))
    if "texts" in fields and scalar is np.generic:
        return np.array(_read_tuple(fields["texts"], (str, ...)), dtype=object).reshape(shape)
    allowed = {dtype: kind for kind, dtype in _DTYPES.items() if scalar in (kind, np.generic)}
    dtype = _text(fields.get("dtype"))
    if dtype not in allowed or set(fields) != {"dtype", "shape", "base64"}:
        raise ValueError(f"an array of {scalar.__name__} is expected")
    content = base64.b64decode(_text(fields["base64"]), validate=True)
    read: NDArray[np.generic] = np.frombuffer(content, dtype=dtype).astype(allowed[dtype])
    return read.reshape(shape)


def _read_shape(value: Plain) -> tuple[int, ...]:
    sizes = _list(value)
    shape = tuple(size for size in sizes if isinstance(size, int) and not isinstance(size, bool) and size >= 0)
    if len(shape) < len(sizes):
        raise TypeError(f"{_shown(value)} where the shape of an array is expected")
    return shape


def _object(value: Plain) -> dict[str, Plain]:
    if not isinstance(value, dict):
        raise TypeError(f"{_shown(value)} where an object is expected")
    return value


def _list(value: Plain) -> list[Plain]:
    if not isinstance(value, list):
        raise TypeError(f"{_shown(value)} where a list is expected")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{_shown(value)} where text is expected")
    return value


def _shown(value: object) -> str:
    return f"{str(value)[:40]!r}"
