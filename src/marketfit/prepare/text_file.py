"""A first look at a text file as a whole: empty, not UTF-8, how many lines, a quote left open."""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from pathlib import Path

from marketfit.errors import DataError, Problem

_CHUNK = 4 * 2**20
_FOREIGN = {codecs.BOM_UTF16_LE: "UTF-16", codecs.BOM_UTF16_BE: "UTF-16"}


@dataclass(frozen=True)
class TextFile:
    """What the first look found."""

    lines: int
    open_quote: bool  # an odd number of quotation marks, and the last character is none


def look(path: Path) -> TextFile:
    """Read a text file once, in pieces, without keeping it.

    Raises:
        DataError: it is missing, empty, blank or not UTF-8; the offending byte and line are named.
    """
    if not path.is_file() or path.stat().st_size == 0:
        raise DataError([empty(path)])
    decoder = codecs.getincrementaldecoder("utf-8")()
    lines = quotes = read = 0
    end = b""  # the last bytes that are not white space
    with path.open("rb") as stream:
        while True:
            chunk = stream.read(_CHUNK)
            if read == 0 and chunk[:2] in _FOREIGN:
                raise DataError([_not_utf8(path, f"it is {_FOREIGN[chunk[:2]]}, not UTF-8")])
            pending = len(decoder.getstate()[0])
            try:
                decoder.decode(chunk, final=not chunk)
            except UnicodeDecodeError as error:
                start = read - pending + error.start
                line = lines + chunk[: max(0, start - read)].count(b"\n") + 1
                raise DataError([_not_utf8(path, f"line {line} is not UTF-8 (byte {start})")]) from error
            if not chunk:
                if not end:
                    raise DataError([empty(path)])
                is_open = quotes % 2 == 1 and not end.endswith(b'"')
                return TextFile(lines=lines, open_quote=is_open)
            lines += chunk.count(b"\n")
            quotes += chunk.count(b'"')
            read += len(chunk)
            end = chunk.rstrip()[-1:] or end


def empty(path: Path) -> Problem:
    """The problem of a file with nothing in it."""
    if not path.exists():
        return Problem(str(path), "there is no such file", "", "correct the path or put the file there")
    return Problem(str(path), "the file is empty", "a header and one line an example", "put the data there")


def no_rows(path: Path) -> Problem:
    """The problem of a file with a header only."""
    return Problem(str(path), "has a header but no rows", "one line an example", "put the data there")


def _not_utf8(path: Path, found: str) -> Problem:
    return Problem(str(path), found, "UTF-8 text", "save the file as UTF-8")
