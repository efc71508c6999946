"""Hostile documents: JSON that is deep, long or unknown, papers that lie, and signatures that prove nothing."""

from __future__ import annotations

import json
from pathlib import Path

from marketfit.bundle import read_public_key
from marketfit.bundle.layout import BOM, CARD, CONTRACT, MANIFEST, SIGNATURE, SPEC, encode
from marketfit.bundle.manifest import file_entry
from marketfit.bundle.sign import write_signature
from marketfit.records.plain import plain
from marketfit.testing.hostile.files import flip
from marketfit.testing.hostile.making import Change, Hostile, forge, put, then

NAN = float("nan")


def spec_with(**changes: object) -> Change:
    def change(folder: Path) -> None:
        content = json.loads((folder / SPEC).read_bytes()) | changes
        (folder / SPEC).write_text(json.dumps(content))
        forge(folder)

    return change


def unknown_keys() -> bytes:
    return json.dumps({"format": 1} | {f"{n:x}": 0 for n in range(90_000)}, separators=(",", ":")).encode()


def many_files(folder: Path) -> None:
    manifest = json.loads((folder / MANIFEST).read_bytes())
    manifest["files"] |= {f"f{n}": {"sha256": "0" * 64, "bytes": 1} for n in range(3_000)}
    (folder / MANIFEST).write_bytes(encode(manifest))


def bill_of(folder: Path, parts: list[dict[str, str]]) -> None:
    bill = json.loads((folder / BOM).read_bytes()) | {"components": parts}
    (folder / BOM).write_bytes(json.dumps(bill).encode())
    manifest = json.loads((folder / MANIFEST).read_bytes())
    manifest["files"][BOM] = plain(file_entry(folder / BOM))
    (folder / MANIFEST).write_bytes(encode(manifest))


def many_parts(folder: Path) -> None:
    bill_of(folder, [{"type": "file", "name": "a", "bom-ref": f"part {n}"} for n in range(30_000)])


def many_empty_parts(folder: Path) -> None:
    bill_of(folder, [{}] * 450_000)


def fewer_clauses() -> bytes:
    return json.dumps({"clauses": [{}] * 49_000}).encode()


def many_clauses() -> bytes:
    return json.dumps({"clauses": [{}] * 400_000}).encode()


def signed_by(owner: str) -> Change:
    return lambda folder: write_signature(folder, folder.parent / owner / "private.pem")


def under_our_name(folder: Path) -> None:
    signed_by("theirs")(folder)
    ours = read_public_key(folder.parent / "ours" / "public.pem")
    content = json.loads((folder / SIGNATURE).read_bytes()) | {"public_key": ours}
    (folder / SIGNATURE).write_bytes(encode(content))


def resealed(folder: Path) -> None:
    """Another card, with a bill and a manifest that fit it, under the old signature."""
    (folder / CARD).write_text((folder / CARD).read_text("utf-8") + "\nTrust me.\n", "utf-8")
    forge(folder)


DOCUMENTS: dict[str, Hostile] = {
    "JSON of empty lists": Hostile(put(SPEC, b"[" + b"[]," * 330_000 + b"[]]"), "unknown format"),
    "JSON that is deep": Hostile(put(SPEC, b"[" * 990_000), "not JSON"),
    "JSON of unknown keys": Hostile(put(SPEC, unknown_keys), "90,003 fields are missing, unknown or wrong"),
    "manifest of many files": Hostile(many_files, "3,006 files are listed"),
    "bill of many parts": Hostile(many_parts, "'part 7' is listed"),
    "bill of many parts that are none": Hostile(many_empty_parts, "'' is listed"),
    "contract of many clauses": Hostile(put(CONTRACT, many_clauses), "larger than 200,000 bytes"),
    "contract of fewer clauses": Hostile(put(CONTRACT, fewer_clauses), "fields are missing, unknown or wrong"),
    "NaN temperature": Hostile(spec_with(temperature=NAN), "bundle.json:temperature"),
    "no signature": Hostile(then(), "the signature is missing", "ours"),
    "foreign signature": Hostile(signed_by("theirs"), "a foreign signature", "ours"),
    "foreign signature under our name": Hostile(under_our_name, "a wrong signature", "ours"),
    "signature of another manifest": Hostile(then(signed_by("ours"), resealed), "a wrong signature", "ours"),
    "changed byte of the signature": Hostile(then(signed_by("ours"), flip(SIGNATURE)), SIGNATURE, "ours"),
    "signature that is none": Hostile(put(SIGNATURE, b"{}", forged=False), "the field is missing", "ours"),
}  # fmt: skip
