"""The base of all records, digests, and the files that records stand for."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, JsonValue


class Record(BaseModel):
    """Base of all records: frozen, no unknown fields, a digest of its content."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    def digest(self) -> str:
        """SHA-256 of the canonical JSON of this record."""
        return digest_of(self.model_dump(mode="json"))


def digest_of(value: JsonValue) -> str:
    """SHA-256 of the canonical JSON of a value: sorted keys, no spaces."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=True)
    return hashlib.sha256(text.encode()).hexdigest()


def sha256_file(path: Path) -> str:
    """SHA-256 of a file, read in pieces."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while piece := stream.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


class Blob(Record):
    """One content-addressed file of the workspace. `suffix` is its kind, such as `.parquet` or `.npy`."""

    sha256: str
    bytes: int
    suffix: str


class Folder(Record):
    """A folder of blobs: relative POSIX path → blob."""

    files: Mapping[str, Blob]

    @property
    def bytes(self) -> int:
        """Total size of the files."""
        return sum(blob.bytes for blob in self.files.values())
