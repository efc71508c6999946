"""What a tensor of an ONNX file says of itself, held against what it stores: sizes that lie, and values that are NaN.

Field and type numbers are those of `onnx/onnx.proto`. Values are read in pieces, so that memory stays small.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from marketfit.bundle.outline import TYPES, Array

MAX_VALUES = 2**31
"""Values of one tensor: no file that may be opened has more."""

MAX_DENSE_VALUES = 2**26
"""Values of a sparse tensor, or of one made from a shape, once it is written out: few bytes can announce many."""

DIMS, TYPE, RAW, STRINGS = 1, 2, 9, 6
FLOATS, DOUBLES = 4, 10
VARINTS = (5, 7, 11)  # int32_data, int64_data, uint64_data

MAX_DIMS = 64

MAX_KEPT = 64
"""Values of a tensor that are kept in memory, since they may be sizes."""

_PIECE = 1 << 20
_MAX_HALVES = 1 << 20  # bytes of half-precision values in int32_data: unpacking them takes memory

_FLOAT, _STRING = 1, 8
_BITS = {1: 32, 2: 8, 3: 8, 4: 16, 5: 16, 6: 32, 7: 64, 9: 8, 10: 16, 11: 64, 12: 32, 13: 64, 14: 64, 15: 128, 16: 16,
         17: 8, 18: 8, 19: 8, 20: 8, 21: 4, 22: 4, 23: 4, 24: 8, 25: 2, 26: 2}  # fmt: skip

_Numbers = NDArray[np.generic]

# Data type → how its bytes are read, and which of them are no number.
_NOT_A_NUMBER: dict[int, tuple[str, Callable[[_Numbers], NDArray[np.bool_]]]] = {
    1: ("<f4", lambda x: np.isnan(x.astype(np.float32, copy=False))),
    10: ("<u2", lambda x: (x.astype(np.uint16, copy=False) & 0x7FFF) > 0x7C00),  # float16
    11: ("<f8", lambda x: np.isnan(x.astype(np.float64, copy=False))),
    14: ("<f4", lambda x: np.isnan(x.astype(np.float32, copy=False))),  # complex64: pairs
    15: ("<f8", lambda x: np.isnan(x.astype(np.float64, copy=False))),
    16: ("<u2", lambda x: (x.astype(np.uint16, copy=False) & 0x7FFF) > 0x7F80),  # bfloat16
    17: ("u1", lambda x: (x.astype(np.uint8, copy=False) & 0x7F) == 0x7F),  # float8 e4m3fn
    18: ("u1", lambda x: x.astype(np.uint8, copy=False) == 0x80),
    19: ("u1", lambda x: (x.astype(np.uint8, copy=False) & 0x7F) > 0x7C),  # float8 e5m2
    20: ("u1", lambda x: x.astype(np.uint8, copy=False) == 0x80),
}

Read = Callable[[int, int], bytes]
"""Bytes of the file from a place to another."""

Range = tuple[int, int]


@dataclass
class Tensor:
    """The fields of one TensorProto: places of its values in the file, values that stand alone, its header."""

    dims: list[int] = field(default_factory=list)
    types: set[int] = field(default_factory=set)
    raw: list[Range] = field(default_factory=list)
    packed: dict[int, list[Range]] = field(default_factory=dict)  # field number → places
    single: dict[int, list[int]] = field(default_factory=dict)  # field number → numbers that are not packed
    strings: int = 0

    def take(self, number: int, start: int, end: int, read: Read) -> None:
        """Take in one field: of a number its value and −1."""
        if number == DIMS:
            self.dims += [start] if end < 0 else varints(read(start, min(end, start + _PIECE))).tolist()
        elif number == TYPE:
            self.types.add(start if end < 0 else -1)
        elif number == RAW:
            self.raw.append((start, end))
        elif number == STRINGS:
            self.strings += 1
        elif number in (FLOATS, DOUBLES, *VARINTS):
            if end < 0:
                self.single.setdefault(number, []).append(start)
            else:
                self.packed.setdefault(number, []).append((start, end))

    @property
    def has_sizes(self) -> bool:
        """Whether the header is short, and each size in it one that a tensor can have."""
        return len(self.dims) <= MAX_DIMS and all(0 <= size < 2**63 for size in self.dims)

    @property
    def values(self) -> int:
        """How many values the header announces."""
        return math.prod(self.dims)

    @property
    def type(self) -> int:
        """The data type, or −1 where it is not one that is known."""
        found = next(iter(self.types)) if len(self.types) == 1 else -1
        return found if found in _BITS or found == _STRING else -1


def header_fault(tensor: Tensor, read: Read) -> str:
    """Why the header of a tensor can't be true, or nothing."""
    if not tensor.has_sizes or tensor.values > MAX_VALUES:
        return f"the header of a tensor announces {_shape(tensor)} values"
    if tensor.type < 0:
        return f"a tensor has the data types {sorted(tensor.types)}, not one that is known"
    if len(tensor.raw) > 1 or (tensor.raw and (tensor.packed or tensor.single or tensor.strings)):
        return "a tensor stores its values twice"
    halves = sum(end - start for start, end in tensor.packed.get(5, ())) if tensor.type in _NOT_A_NUMBER else 0
    if halves > _MAX_HALVES:
        return f"a tensor stores {halves:,} bytes of half-precision values one by one"
    return _storage_fault(tensor, read)


def has_nan(tensor: Tensor, read: Read) -> bool:
    """Whether any value of a tensor is not a number."""
    rule = _NOT_A_NUMBER.get(tensor.type)
    if rule is None:
        return False
    form, is_nan = rule
    if any(is_nan(numbers).any() for place in tensor.raw for numbers in _pieces(place, form, read)):
        return True
    for number, kind in ((FLOATS, "<f4"), (DOUBLES, "<f8")):
        for place in tensor.packed.get(number, ()):
            if any(np.isnan(numbers.astype(np.float64)).any() for numbers in _pieces(place, kind, read)):
                return True
    if form not in ("<u2", "u1"):
        return False
    bits = [np.array([value & 0xFFFF for value in tensor.single.get(5, ())], dtype=np.uint16)]
    bits += [varints(read(*place)).astype(np.uint16) for place in tensor.packed.get(5, ())]
    return any(bool(is_nan(numbers).any()) for numbers in bits)


def few_values(tensor: Tensor, read: Read) -> Array | None:
    """The values of a small sound tensor of a type that can say a size; None for any other."""
    kind = TYPES.get(tensor.type)
    if kind is None or tensor.values > MAX_KEPT:
        return None
    if tensor.raw:
        return (
            np.frombuffer(read(*tensor.raw[0]), dtype=np.dtype(kind).newbyteorder("<"))
            .astype(kind)
            .reshape(tensor.dims)
        )
    if tensor.single and tensor.packed:
        return None  # in which order is anybody's guess
    parts = [np.array(numbers, dtype=np.uint64) for numbers in tensor.single.values()]
    for number, places in tensor.packed.items():
        for place in places:
            form = {FLOATS: "<f4", DOUBLES: "<f8"}.get(number, "")
            parts.append(np.frombuffer(read(*place), dtype=form) if form else varints(read(*place)))
    values = np.concatenate(parts) if parts else np.zeros(0, dtype=np.uint64)
    signed = values.view(np.int64) if values.dtype == np.uint64 else values
    return signed.astype(kind).reshape(tensor.dims)


def varints(content: bytes) -> NDArray[np.uint64]:
    """Packed numbers of the protobuf wire format; each is cut to its lowest 64 bits.

    >>> varints(bytes([1, 0x80, 1, 127])).tolist()
    [1, 128, 127]
    """
    found = np.frombuffer(content, dtype=np.uint8)
    ends = np.flatnonzero(found < 0x80)
    starts = np.concatenate([np.zeros(min(1, len(ends)), dtype=np.int64), ends[:-1] + 1])
    lengths = ends - starts + 1
    total = np.zeros(len(ends), dtype=np.uint64)
    for place in range(min(10, int(lengths.max(initial=0)))):
        has = lengths > place
        part = (found[starts[has] + place] & 0x7F).astype(np.uint64)
        total[has] |= part << np.uint64(7 * place)
    return total


def _storage_fault(tensor: Tensor, read: Read) -> str:
    """Where header and stored values disagree."""
    wanted, stored = tensor.values, 0
    if tensor.raw:
        wanted = -(-wanted * _BITS.get(tensor.type, 0) // 8)
        stored = tensor.raw[0][1] - tensor.raw[0][0]
    else:
        wanted = -(-wanted * min(8, _BITS.get(tensor.type, 8)) // 8) * (2 if tensor.type in (14, 15) else 1)
        stored = _stored(tensor, read)
        most = sum(end - start for number in VARINTS for start, end in tensor.packed.get(number, ()))
        if most > 10 * stored:
            return "a tensor stores numbers that are longer than numbers can be"
    if wanted != stored:
        unit = "bytes" if tensor.raw else "values"
        return f"the header of a tensor announces {wanted:,} {unit}, but {stored:,} are stored"
    return ""


def _stored(tensor: Tensor, read: Read) -> int:
    """How many values are stored in fields that are not raw."""
    count = tensor.strings + sum(len(numbers) for numbers in tensor.single.values())
    for number, places in tensor.packed.items():
        for start, end in places:
            if number in VARINTS:
                count += sum(int((piece < 0x80).sum()) for piece in _bytes((start, end), read))
            else:
                count += (end - start) // (4 if number == FLOATS else 8)
    return count


def _bytes(place: Range, read: Read) -> Iterator[NDArray[np.uint8]]:
    for start in range(place[0], place[1], _PIECE):
        yield np.frombuffer(read(start, min(place[1], start + _PIECE)), dtype=np.uint8)


def _pieces(place: Range, form: str, read: Read) -> Iterator[_Numbers]:
    width = np.dtype(form).itemsize
    end = place[1] - (place[1] - place[0]) % width
    for start in range(place[0], end, _PIECE):
        yield np.frombuffer(read(start, min(end, start + _PIECE)), dtype=form)


def _shape(tensor: Tensor) -> str:
    return " × ".join(str(size) for size in tensor.dims[:8])
