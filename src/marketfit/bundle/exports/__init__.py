"""A sealed bundle in the layouts of other tools. The bundle is verified first, and what is written is new."""

from __future__ import annotations

import enum
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from marketfit.bundle.bundle import Bundle, load
from marketfit.bundle.exports.huggingface import write_huggingface
from marketfit.bundle.exports.mlflow import write_mlflow
from marketfit.errors import InputError, Problem


class Format(enum.StrEnum):
    """What a bundle can be exported to."""

    HUGGINGFACE = "huggingface"
    MLFLOW = "mlflow"


_WRITERS: Mapping[Format, Callable[[Bundle, Path], None]] = {
    Format.HUGGINGFACE: write_huggingface,
    Format.MLFLOW: write_mlflow,
}


def export_bundle(bundle: Path, *, to: Format, into: Path, key: Path | None = None) -> Bundle:
    """Write a verified bundle as a folder of another tool; the folder appears whole or not at all.

    Raises:
        BundleError: the bundle can't be trusted (with `key`: or is not signed by its owner).
        InputError: `into` exists and is not an empty folder, or the bundle has not what the format needs.
        MissingExtraError: a package that writes the format is not installed.
    """
    loaded = load(bundle, key=key)
    if into.exists() and not (into.is_dir() and not any(into.iterdir())):
        raise InputError(
            [Problem(str(into), "it exists and is not an empty folder", "a new folder", "name another, or empty it")]
        )
    into.parent.mkdir(parents=True, exist_ok=True)
    scratch = into.with_name(f".{into.name}.{os.getpid()}")
    try:
        _WRITERS[to](loaded, scratch)
        if into.is_dir():
            into.rmdir()
        scratch.replace(into)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return loaded


__all__ = ["Format", "export_bundle"]
