"""What lies in a bundle folder, and how its files are read and written.

    bundle.json       the spec: all that a Runtime needs beside the graph
    model.onnx        the graph
    tokenizer.json …  files of the task's preprocessor, any safe name
    contract.json     every requirement with its measurement and verdict   ┐
    card.md           the model card                                       │ a sealed bundle only
    bom.json          bill of materials, CycloneDX                         │
    manifest.json     SHA-256 and size of every other file                 ┘
    signature.json    Ed25519 signature of the manifest, in a signed bundle; aside: no digest or size counts it

Equal content gives equal bytes: sorted keys, no time stamps.
"""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TypeVar

from marketfit.errors import BundleError, Problem
from marketfit.records.plain import MisfitError, plain, read_plain

SPEC = "bundle.json"
GRAPH = "model.onnx"
CONTRACT = "contract.json"
CARD = "card.md"
BOM = "bom.json"
MANIFEST = "manifest.json"
SIGNATURE = "signature.json"
SEAL_FILES = (CONTRACT, CARD, BOM, MANIFEST)

MAX_JSON_BYTES = 10**6  # a few bytes of JSON become a hundred in memory
MAX_BUNDLE_BYTES = 4 * 10**9
MAX_MANIFEST_BYTES = 500_000
MAX_CONTRACT_BYTES = 200_000
MAX_BOM_BYTES = 2 * 10**6
MAX_SIGNATURE_BYTES = 1000
MAX_FILES = 1000
MAX_PROBLEMS = 50  # spelt out of one file
MAX_NAME = 200

_SEGMENT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")

T = TypeVar("T")


def is_safe_name(name: str) -> bool:
    """Whether a name is a plain relative POSIX path that can't leave its folder.

    >>> [is_safe_name(name) for name in ("tokenizer.json", "words/a.txt", "../x", "/etc/passwd", "a//b", ".hidden")]
    [True, True, False, False, False, False]
    """
    return len(name) <= MAX_NAME and all(_SEGMENT.fullmatch(part) for part in name.split("/"))


def encode(value: object) -> bytes:
    """The one byte form of a JSON file in a bundle; value: a plain record, or JSON."""
    return (json.dumps(plain(value), sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()


def scan(folder: Path) -> tuple[Mapping[str, int], tuple[Problem, ...]]:
    """All regular files below a folder with their sizes, and what must not be there (links, devices, bad names).

    Symbolic links are never followed. Stops with a problem at `MAX_FILES`.
    """
    if not folder.is_dir():
        found = "this is not a folder" if folder.exists() else "there is no such folder"
        return {}, (Problem(str(folder), found, "", "name the folder of a bundle"),)
    files: dict[str, int] = {}
    problems: list[Problem] = []
    for seen, (name, mode, size) in enumerate(_walk(folder, "")):
        if seen >= MAX_FILES:
            problems.append(Problem(str(folder), f"more than {MAX_FILES} entries", "", "this is no bundle"))
            break
        if not is_safe_name(name):
            problems.append(
                Problem(str(folder), f"unsafe file name {name!r}", "letters, digits, '.', '_', '-'", "remove the file")
            )
        elif stat.S_ISREG(mode):
            files[name] = size
        elif not stat.S_ISDIR(mode):
            kind = "a symbolic link" if stat.S_ISLNK(mode) else "neither a file nor a folder"
            problems.append(
                Problem(str(folder / name), f"this is {kind}", "a bundle holds plain files", "replace it by the file")
            )
    return files, tuple(problems)


def size_mb(folder: Path) -> float:
    """The size of a bundle: all its files, a signature aside, over 10⁶ bytes."""
    return sum(size for name, size in scan(folder)[0].items() if name != SIGNATURE) / 1e6


def read_bytes(path: Path, *, limit: int = MAX_JSON_BYTES) -> bytes:
    """Read a small file that is not a link.

    Raises:
        BundleError: it is missing, a link, or larger than `limit` bytes.
    """
    content = read_head(path, limit + 1)
    if len(content) > limit:
        raise BundleError(
            [Problem(str(path), f"larger than {limit:,} bytes", "", "this is no bundle that marketfit wrote")]
        )
    return content


def read_head(path: Path, size: int) -> bytes:
    """The first bytes of a file that is not a link.

    Raises:
        BundleError: it is missing, or no plain file.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except OSError as error:
        raise BundleError(
            [Problem(str(path), f"cannot be read ({error.strerror})", "", "write the bundle again")]
        ) from error
    with open(descriptor, "rb") as file:  # noqa: PTH123 - only open() takes a descriptor, and that refuses links
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise BundleError([Problem(str(path), "this is not a plain file", "", "write the bundle again")])
        return file.read(size)


def read_json(path: Path, *, limit: int = MAX_JSON_BYTES) -> object:
    """Read a JSON file of a bundle.

    Raises:
        BundleError: it cannot be read, is too large, or no JSON.
    """
    try:
        return json.loads(read_bytes(path, limit=limit))
    except (ValueError, RecursionError) as error:
        raise BundleError([Problem(str(path), "this is not JSON", "", "write the bundle again")]) from error


def read_record(path: Path, kind: type[T], *, limit: int = MAX_JSON_BYTES) -> T:
    """Read a JSON file of a bundle as a plain record.

    Raises:
        BundleError: one problem for each field that is missing, unknown or wrong; one for all where they are many.
    """
    try:
        return read_plain(kind, read_json(path, limit=limit))
    except MisfitError as error:
        raise BundleError(_field_problems(path, error)) from error


def _field_problems(path: Path, error: MisfitError) -> list[Problem]:
    do = "write the bundle again with a version of marketfit that this one understands"
    if len(error.misfits) > MAX_PROBLEMS:
        return [Problem(str(path), f"at least {len(error.misfits):,} fields are missing, unknown or wrong", "", do)]
    return [
        Problem(f"{path}:{one.where}" if one.where else str(path), one.found, one.allowed, do) for one in error.misfits
    ]


def write_file(path: Path, content: bytes) -> None:
    """Write a file and make it durable; the folder's entry is the caller's to sync."""
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Make the entries of a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _walk(folder: Path, prefix: str) -> Iterator[tuple[str, int, int]]:
    with os.scandir(folder) as entries:
        ordered = sorted(entries, key=lambda entry: entry.name)
    for entry in ordered:
        status = entry.stat(follow_symlinks=False)
        name = prefix + entry.name
        yield name, status.st_mode, status.st_size
        if stat.S_ISDIR(status.st_mode) and len(name) <= MAX_NAME:
            yield from _walk(Path(entry.path), name + "/")
