"""What makes a sound bundle hostile: changes of its folder, and papers that fit the changed files.

Whoever forges here does it with care: bill of materials and manifest fit, so that the reason that is asserted is the
only thing that stands between the bundle and a runtime.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from marketfit.bundle import read_spec
from marketfit.bundle.bom import make_bom, read_ingredients
from marketfit.bundle.layout import BOM, MANIFEST, SIGNATURE, encode
from marketfit.bundle.manifest import Manifest, file_entry
from marketfit.errors import BundleError

TOKENIZER = "tokenizer.json"

Change = Callable[[Path], None]


@dataclass(frozen=True)
class Hostile:
    """How a sound bundle is made hostile, and words of the reason for which it must be refused."""

    change: Change
    reason: str
    key: str = ""  # the trusted key's owner, where one is configured


def forge(folder: Path) -> None:
    """Bill of materials and manifest that fit the files, as one who tampers with care would write them."""
    old = json.loads((folder / MANIFEST).read_bytes())
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    files = {name: file_entry(folder / name) for name in names if name not in (BOM, MANIFEST, SIGNATURE)}
    try:
        made = make_bom(read_spec(folder), files, read_ingredients(folder))
        (folder / BOM).write_bytes(encode(made))
    except BundleError:
        pass  # a spec that nobody can read: its bill stays
    files[BOM] = file_entry(folder / BOM)
    (folder / MANIFEST).write_bytes(encode(Manifest(product=old["product"], task=old["task"], files=files)))


def put(name: str, content: bytes | Callable[[], bytes], *, forged: bool = True) -> Change:
    def change(folder: Path) -> None:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content if isinstance(content, bytes) else content())
        if forged:
            forge(folder)

    return change


def then(*changes: Change) -> Change:
    def change(folder: Path) -> None:
        for one in changes:
            one(folder)

    return change
