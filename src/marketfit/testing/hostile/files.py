"""Hostile files: changed, swapped, outside of the folder, links, archives, pickles, and sizes that lie."""

from __future__ import annotations

import gzip
import io
import json
import os
import pickle
import shutil
import tarfile
import zipfile
from pathlib import Path

from marketfit.bundle.layout import BOM, CARD, CONTRACT, GRAPH, MANIFEST, SIGNATURE, SPEC, encode
from marketfit.testing.hostile.making import TOKENIZER, Change, Hostile, put

CHANGED, LINK = "the file was changed", "this is a symbolic link"


def flip(name: str) -> Change:
    def change(folder: Path) -> None:
        content = bytearray((folder / name).read_bytes())
        content[len(content) // 2] ^= 1
        (folder / name).write_bytes(content)

    return change


def swap(one: str, other: str) -> Change:
    def change(folder: Path) -> None:
        first, second = (folder / one).read_bytes(), (folder / other).read_bytes()
        (folder / one).write_bytes(second)
        (folder / other).write_bytes(first)

    return change


def from_another(name: str) -> Change:
    def change(folder: Path) -> None:
        shutil.copyfile(folder.parent / "another" / name, folder / name)

    return change


def names_outside(name: str) -> Change:
    def change(folder: Path) -> None:
        (folder.parent / "outside.txt").write_text("secret")
        manifest = json.loads((folder / MANIFEST).read_bytes())
        manifest["files"][name] = {"sha256": "0" * 64, "bytes": 6}
        (folder / MANIFEST).write_bytes(encode(manifest))

    return change


def link(name: str, target: str) -> Change:
    """`target` is relative to the folder of all bundles, or absolute."""

    def change(folder: Path) -> None:
        if (folder / name).exists():
            (folder / name).unlink()
        (folder / name).symlink_to(target if target.startswith("/") else f"../{target}")

    return change


def hole(name: str, size: int) -> Change:
    """A file of `size` zeros that takes no room on the disk."""

    def change(folder: Path) -> None:
        with (folder / name).open("wb") as file:
            file.truncate(size)

    return change


def lying_hole(name: str, size: int) -> Change:
    """The same, with a manifest of that size: only hashing it all would tell."""

    def change(folder: Path) -> None:
        hole(name, size)(folder)
        manifest = json.loads((folder / MANIFEST).read_bytes())
        manifest["files"][name] = {"sha256": "0" * 64, "bytes": size}
        (folder / MANIFEST).write_bytes(encode(manifest))

    return change


def zipped() -> bytes:
    """A hundred megabytes of zeros in a hundred kilobytes."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("model.onnx", bytes(100_000_000))
    return stream.getvalue()


def tarred() -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("../../outside.txt"))
    return stream.getvalue()


FILES: dict[str, Hostile] = {
    **{f"changed byte of {name}": Hostile(flip(name), CHANGED) for name in (GRAPH, TOKENIZER, CARD)},
    **{f"changed byte of {name}": Hostile(flip(name), name) for name in (SPEC, CONTRACT, BOM, MANIFEST)},
    "swapped card and contract": Hostile(swap(CARD, CONTRACT), CHANGED),
    "swapped tokenizer and graph": Hostile(swap(TOKENIZER, GRAPH), CHANGED),
    **{f"{name} of another bundle": Hostile(from_another(name), CHANGED) for name in (GRAPH, TOKENIZER, BOM)},
    "manifest of another bundle": Hostile(from_another(MANIFEST), CHANGED),
    **{
        f"path traversal {name!r}": Hostile(names_outside(name), "unsafe file name")
        for name in ("../outside.txt", "/etc/passwd", "a/../../outside.txt", "..\\outside.txt", "./card.md", "a//b",
                     "C:\\x", "x" * 300, "")
    },
    "link to a file": Hostile(link(TOKENIZER, f"another/{TOKENIZER}"), LINK),
    "link to a system file": Hostile(link(CARD, "/etc/passwd"), LINK),
    "link to a folder": Hostile(link("more", "another"), LINK),
    "link to nothing": Hostile(link("more", "nowhere"), LINK),
    "link to itself": Hostile(link("more", "bundle/more"), LINK),
    "link as manifest": Hostile(link(MANIFEST, f"another/{MANIFEST}"), LINK),
    "link as signature": Hostile(link(SIGNATURE, f"another/{CARD}"), LINK),
    "a pipe": Hostile(lambda folder: os.mkfifo(folder / "pipe"), "neither a file nor a folder"),
    "a file that nobody listed": Hostile(put("model.onnx.data", b"x", forged=False), "not in the manifest"),
    "zip bomb": Hostile(put("weights.bin", zipped), "this is a zip archive"),
    "zip bomb as the graph": Hostile(put(GRAPH, zipped), "this is a zip archive"),
    "gzip bomb as the tokenizer": Hostile(put(TOKENIZER, lambda: gzip.compress(bytes(100_000_000))), "gzip archive"),
    "tar that climbs out": Hostile(put("more.txt", tarred), "this is a tar archive"),
    "zstd frame": Hostile(put("more.txt", b"\x28\xb5\x2f\xfd" + bytes(20)), "this is a zstd archive"),
    "pickle": Hostile(put("more.txt", pickle.dumps({"a": 1}, protocol=4)), "this is a pickle"),
    "JSON without end": Hostile(hole(MANIFEST, 3 * 10**9), "larger than 500,000 bytes"),
    "folder of five gigabytes": Hostile(hole("big.bin", 5 * 10**9), "at most 4,000,000,000"),
    "graph of three gigabytes": Hostile(lying_hole(GRAPH, 3 * 10**9), "allowed: 1 to 2,147,483,647"),
    "graph of zeros": Hostile(lying_hole(GRAPH, 2 * 10**9), "not an ONNX model"),
}  # fmt: skip
