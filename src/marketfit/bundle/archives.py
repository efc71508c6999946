"""Archives and pickles in a bundle folder: found by their first bytes and refused, never opened.

A small archive may hold terabytes, and a pickle runs code. A bundle has use for neither.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from marketfit.bundle.layout import read_head
from marketfit.errors import Problem

_TAR = 257  # where a tar archive says what it is

_KINDS = (
    (0, b"PK\x03\x04", "a zip archive"),
    (0, b"PK\x05\x06", "a zip archive"),
    (0, b"\x1f\x8b", "a gzip archive"),
    (0, b"BZh", "a bzip2 archive"),
    (0, b"\xfd7zXZ\x00", "an xz archive"),
    (0, b"\x28\xb5\x2f\xfd", "a zstd archive"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (0, b"Rar!\x1a\x07", "a rar archive"),
    (0, b"\x04\x22\x4d\x18", "an lz4 archive"),
    (_TAR, b"ustar", "a tar archive"),
    *((0, bytes([0x80, protocol]), "a pickle") for protocol in range(2, 6)),
)


def archive_problems(folder: Path, names: Iterable[str]) -> tuple[Problem, ...]:
    """The files of a bundle that are archives or pickles, whatever they are called.

    Raises:
        BundleError: a file can't be read.
    """
    problems = []
    for name in names:
        head = read_head(folder / name, _TAR + 5)
        kind = next((kind for place, magic, kind in _KINDS if head.startswith(magic, place)), "")
        if kind:
            problems.append(Problem(str(folder / name), f"this is {kind}", "a bundle holds plain files", "remove it"))
    return tuple(problems)
