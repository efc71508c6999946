"""The directory that ships: write, seal, verify, load. Needs numpy and the task's runtime, nothing heavy."""

from marketfit.bundle.bundle import Bundle, Prediction, load, load_unsealed
from marketfit.bundle.layout import size_mb
from marketfit.bundle.manifest import FileEntry, Manifest
from marketfit.bundle.spec import read_spec, write_spec
from marketfit.bundle.verify import check_unsealed, read_manifest, verify

__all__ = [
    "Bundle",
    "FileEntry",
    "Manifest",
    "Prediction",
    "check_unsealed",
    "load",
    "load_unsealed",
    "read_manifest",
    "read_spec",
    "size_mb",
    "verify",
    "write_spec",
]
