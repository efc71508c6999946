"""`manifest.json`: SHA-256 and size of every other file of a sealed bundle."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from marketfit.bundle.layout import encode
from marketfit.records.plain import AtLeast, Sha256


@dataclass(frozen=True)
class FileEntry:
    """One file of a bundle."""

    sha256: Sha256
    bytes: Annotated[int, AtLeast(0)]


@dataclass(frozen=True)
class Manifest:
    """Name → content of every file of a bundle but the manifest itself."""

    product: str
    task: str
    files: Mapping[str, FileEntry]
    format: Literal[1] = 1

    def file_digest(self) -> str:
        """SHA-256 of `manifest.json`: it stands for every byte of the bundle."""
        return hashlib.sha256(encode(self)).hexdigest()

    @property
    def bytes(self) -> int:
        """Total size of the bundle, the manifest's own file included."""
        return sum(entry.bytes for entry in self.files.values()) + len(encode(self))


def file_entry(path: Path) -> FileEntry:
    """Hash a file without following a link."""
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
    with open(descriptor, "rb") as file:  # noqa: PTH123 - only open() takes a descriptor, and that refuses links
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return FileEntry(sha256=digest, bytes=file.tell())


def content_entry(content: bytes) -> FileEntry:
    """The entry of a file that is still in memory."""
    return FileEntry(sha256=hashlib.sha256(content).hexdigest(), bytes=len(content))
