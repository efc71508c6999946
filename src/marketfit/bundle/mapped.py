"""The same model with its large int8 tensors left in its file, from where a runtime maps them into memory.

Opened by its path, a model is read, parsed and copied: for a moment it is in memory twice, and rows of the embedding
that nobody looks up stay there. A runtime maps what lies outside of a model, so that here the file itself is what lies
outside of the few bytes that are handed over. Six layers with int8 embeddings (23.5 MB): 20 MB less at the peak, the
same answers.
"""

from __future__ import annotations

import mmap
from dataclasses import dataclass
from pathlib import Path

from marketfit.bundle.wire import MalformedError, Place, Wire

LEAST_BYTES = 4096
"""A tensor that is smaller stays in the model: a page of memory is this large."""
MOST_LEFT = 8 * 10**6
"""Where more than this would be left of the model (float32, say), it is read as a whole."""

# Fields of ModelProto, GraphProto, TensorProto and StringStringEntryProto in onnx.proto.
_GRAPH, _INITIALIZER = 7, 5
_DATA_TYPE, _RAW_DATA, _EXTERNAL_DATA, _DATA_LOCATION = 2, 9, 13, 14
_KEY, _VALUE = 1, 2
_ONE_BYTE = (2, 3)  # uint8 and int8: wherever they begin, they are aligned
_VARINT, _BYTES = 0, 2


@dataclass(frozen=True)
class _Tensor:
    """Where an initializer and its numbers lie in the file."""

    message: Place
    numbers: Place


def mapped_model(path: Path) -> bytes | None:
    """A model that refers to the large tensors in `path` as data outside of it; None where that is not worth it.

    The file must have been checked: what cannot be read as expected is left to the runtime's own parser (None).
    """
    size = path.stat().st_size
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as buffer:
        wire = Wire(buffer, file)
        try:
            graphs = wire.within([(0, size)], _GRAPH)
            tensors = _large(wire, graphs)
            left = size - sum(last - first for first, last in (tensor.numbers for tensor in tensors))
            if len(graphs) != 1 or not tensors or left > MOST_LEFT:
                return None
            return _without(wire, graphs[0], tensors, path.name, size)
        except MalformedError:
            return None


def _large(wire: Wire, graphs: list[Place]) -> list[_Tensor]:
    found = []
    for place in wire.within(graphs, _INITIALIZER):
        fields = list(wire.fields(*place))
        raw = [(first, last) for number, first, last in fields if number == _RAW_DATA]
        is_small_type = any(number == _DATA_TYPE and first in _ONE_BYTE for number, first, _ in fields)
        is_outside = any(number in (_EXTERNAL_DATA, _DATA_LOCATION) for number, _, _ in fields)
        if len(raw) == 1 and raw[0][1] - raw[0][0] >= LEAST_BYTES and is_small_type and not is_outside:
            found.append(_Tensor(place, raw[0]))
    return found


def _without(wire: Wire, graph: Place, tensors: list[_Tensor], location: str, size: int) -> bytes:
    """The model, its graph written anew with a reference in place of the numbers of each tensor."""
    at, pieces = graph[0], []
    for tensor in tensors:
        (first, last), (begin, end) = tensor.message, tensor.numbers
        outside = [("location", location), ("offset", str(begin)), ("length", str(end - begin))]
        content = b"".join(
            [
                wire.read(first, _before(wire, _RAW_DATA, tensor.numbers)),
                wire.read(end, last),
                *(_message(_EXTERNAL_DATA, _entry(key, value)) for key, value in outside),
                bytes([_DATA_LOCATION << 3 | _VARINT, 1]),
            ]
        )
        pieces += [wire.read(at, _before(wire, _INITIALIZER, tensor.message)), _message(_INITIALIZER, content)]
        at = last
    pieces.append(wire.read(at, graph[1]))
    head = wire.read(0, _before(wire, _GRAPH, graph))
    return head + _message(_GRAPH, b"".join(pieces)) + wire.read(graph[1], size)


def _before(wire: Wire, number: int, place: Place) -> int:
    """Where the field begins whose content lies at a place.

    Raises:
        MalformedError: its tag or length is not in the shortest form, in which everybody writes it.
    """
    head = _head(number, place[1] - place[0])
    if wire.read(place[0] - len(head), place[0]) != head:
        raise MalformedError("a field does not begin as expected")
    return place[0] - len(head)


def _entry(key: str, value: str) -> bytes:
    return _message(_KEY, key.encode()) + _message(_VALUE, value.encode())


def _message(number: int, content: bytes) -> bytes:
    return _head(number, len(content)) + content


def _head(number: int, length: int) -> bytes:
    """Tag and length of a field of bytes; all numbers here are below 16, so that a tag is one byte."""
    varint = bytearray()
    while length > 0x7F:
        varint.append(length & 0x7F | 0x80)
        length >>= 7
    return bytes([number << 3 | _BYTES, *varint, length])
