"""Read and write `bundle.json`."""

from __future__ import annotations

import math
import os
from pathlib import Path

from marketfit.bundle.layout import MAX_JSON_BYTES, SPEC, encode, read_json, read_record, sync_folder, write_file
from marketfit.errors import BundleError, Problem
from marketfit.records.bundle import BundleSpec

FORMATS = (1,)
"""The bundle formats that this version of marketfit reads."""


def write_spec(folder: Path, spec: BundleSpec) -> None:
    """Write `bundle.json` into a folder, atomically. Equal specs give equal bytes.

    Raises:
        BundleError: a value that no runtime could use (temperature, threshold, threads, repeated labels).
    """
    problems = spec_problems(spec, where=str(folder / SPEC))
    if problems:
        raise BundleError(problems)
    folder.mkdir(parents=True, exist_ok=True)
    temporary = folder / f".{SPEC}.{os.getpid()}"
    try:
        write_file(temporary, encode(spec))
        temporary.replace(folder / SPEC)
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(folder)


def read_spec(folder: Path) -> BundleSpec:
    """Read `bundle.json` of a sealed or unsealed bundle.

    Raises:
        BundleError: missing, unreadable, of an unknown format, or with values that no runtime could use.
    """
    path = folder / SPEC
    check_format(path)
    spec = read_record(path, BundleSpec)
    problems = spec_problems(spec, where=str(path))
    if problems:
        raise BundleError(problems)
    return spec


def check_format(path: Path, *, limit: int = MAX_JSON_BYTES) -> None:
    """Refuse a JSON file of a bundle whose `format` this version does not know.

    Raises:
        BundleError: not a JSON object, or another format.
    """
    content = read_json(path, limit=limit)
    found = content.get("format") if isinstance(content, dict) else None
    if found not in FORMATS or isinstance(found, bool):
        allowed = "allowed: " + ", ".join(str(known) for known in FORMATS)
        raise BundleError([Problem(str(path), f"unknown format {found!r}", allowed, "use the marketfit that wrote it")])


def spec_problems(spec: BundleSpec, *, where: str) -> tuple[Problem, ...]:
    """What is wrong with the values of a spec."""
    threads = spec.session.threads
    wrong = (
        (not spec.task, "task", "empty", "the name of a task"),
        (len(set(spec.labels)) < len(spec.labels), "labels", "a label occurs twice", "different labels"),
        (
            not (math.isfinite(spec.temperature) and spec.temperature > 0),
            "temperature",
            f"{spec.temperature}",
            "a positive number",
        ),
        (not 0 <= spec.abstain_below <= 1, "abstain_below", f"{spec.abstain_below}", "a number from 0 to 1"),
        (threads < 1, "session.threads", f"{threads}", "1 or more"),
    )
    return tuple(
        Problem(f"{where}:{field}", found, f"allowed: {allowed}", "write the spec again")
        for is_wrong, field, found, allowed in wrong
        if is_wrong
    )
