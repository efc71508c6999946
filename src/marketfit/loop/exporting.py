"""`export`: a bundle in the layout of another tool."""

from __future__ import annotations

from pathlib import Path

from marketfit.bundle.exports import Format, export_bundle
from marketfit.records.base import Record


class Exported(Record):
    """What was written where, and the digest of the bundle that it was made from."""

    status: str = "done"
    format: Format
    folder: str
    bundle_sha256: str

    def as_text(self) -> str:
        """One line."""
        return f"{self.folder} ({self.format.value}, from the bundle {self.bundle_sha256[:16]}…)"


def export(bundle: Path, *, to: Format, into: Path, key: Path | None = None) -> Exported:
    """Verify a bundle and write it for another tool.

    Raises:
        BundleError: the bundle can't be trusted.
        InputError: the folder is not empty, or the bundle does not suit the format.
        MissingExtraError: a package that writes the format is not installed.
    """
    loaded = export_bundle(bundle, to=to, into=into, key=key)
    return Exported(format=to, folder=str(into), bundle_sha256=loaded.digest or "")
