"""The protobuf wire format (https://protobuf.dev/programming-guides/encoding/), read over a memory map."""

from __future__ import annotations

import mmap
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

MAX_FIELDS = 300_000  # half a second

_MAX_NAME = 1_000  # bytes
_VARINT, _BYTES = 0, 2
_WIDTHS = {1: 8, 5: 4}  # fixed64, fixed32; groups (3, 4) are long gone

Place = tuple[int, int]
"""Start and end of a message in the file."""


class MalformedError(Exception):
    """The bytes are not the protobuf message that they should be, or too many."""


@dataclass
class Wire:
    """A file of messages. `seen`: fields that were stepped over."""

    buffer: mmap.mmap
    file: BinaryIO
    seen: int = 0

    def read(self, start: int, end: int) -> bytes:
        """Bytes of the file, by reading it: pages of the map would stay in memory."""
        self.file.seek(start)
        return self.file.read(end - start)

    def text(self, start: int, end: int) -> str:
        """A name."""
        need_bytes(end)
        if end - start > _MAX_NAME:
            raise MalformedError(f"a name of over {_MAX_NAME:,} bytes")
        return self.buffer[start:end].decode("utf-8", errors="replace")

    def fields(
        self, start: int, end: int, *, skip: Callable[[int, int], int] | None = None
    ) -> Iterator[tuple[int, int, int]]:
        """Field number, start and end of each field of a message; of a number its value and −1.

        `skip` is asked first, from where to where: it gives the place behind what it has read itself.
        """
        at = start
        while at < end:
            if skip is not None and (after := skip(at, end)) > at:
                at = after
                continue
            self.seen += 1
            if self.seen > MAX_FIELDS:
                raise MalformedError(f"more than {MAX_FIELDS:,} fields")
            tag, at = self._varint(at, end)
            wire = tag & 7
            if wire == _VARINT:
                value, at = self._varint(at, end)
                yield tag >> 3, value, -1
                continue
            width, at = self._varint(at, end) if wire == _BYTES else (_WIDTHS.get(wire, 0), at)
            if not width and wire != _BYTES:
                raise MalformedError(f"wire type {wire}")
            if width > end - at:
                raise MalformedError("a field is longer than its message")
            yield tag >> 3, at, at + width
            at += width

    def within(self, places: Iterable[Place], wanted: int) -> list[Place]:
        """Places of all messages of one field in others: what a parser merges where there are several."""
        return [
            (first, last)
            for place in places
            for number, first, last in self.fields(*place)
            if number == wanted and last >= 0
        ]

    def _varint(self, at: int, end: int) -> Place:
        value = shift = 0
        while at < end:
            byte = self.buffer[at]
            at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value, at
            shift += 7
            if shift > 63:
                break
        raise MalformedError("a number is cut or too long")


def need_bytes(end: int) -> None:
    """Refuse a number where a message should be."""
    if end < 0:
        raise MalformedError("a number where a message should be")


def value_name(wire: Wire, place: Place) -> str:
    """The name of a ValueInfoProto."""
    return next((wire.text(first, last) for number, first, last in wire.fields(*place) if number == 1), "")


def value_sizes(wire: Wire, place: Place) -> tuple[int | None, ...] | None:
    """The sizes that a ValueInfoProto says of a tensor, None for each free one; None where it says none."""
    shapes = wire.within(wire.within(wire.within([place], 2), 1), 2)
    return tuple(_size(wire, dim) for dim in wire.within(shapes, 1)) if shapes else None


def _size(wire: Wire, place: Place) -> int | None:
    sizes = [first for number, first, last in wire.fields(*place) if number == 1 and last < 0]
    return sizes[-1] if sizes and 0 < sizes[-1] < 1 << 63 else None
