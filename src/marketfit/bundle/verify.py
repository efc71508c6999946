"""Hold a sealed bundle against its manifest before anything of it is opened by a runtime."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from marketfit.bundle.archives import archive_problems
from marketfit.bundle.bom import bom_problems
from marketfit.bundle.graph import graph_problems
from marketfit.bundle.layout import (
    BOM,
    CARD,
    CONTRACT,
    GRAPH,
    MANIFEST,
    MAX_BUNDLE_BYTES,
    MAX_CONTRACT_BYTES,
    MAX_FILES,
    MAX_MANIFEST_BYTES,
    SIGNATURE,
    SPEC,
    encode,
    is_safe_name,
    read_bytes,
    read_record,
    scan,
)
from marketfit.bundle.manifest import Manifest, file_entry
from marketfit.bundle.sign import read_signature, signature_problems
from marketfit.bundle.spec import check_format, read_spec
from marketfit.contract import Contract, judge
from marketfit.errors import BundleError, Problem

_AGAIN = "fetch or seal the bundle again"

MAX_REFUSED_BYTES = 64 * 10**6
"""A larger bundle that is refused for another reason is not hashed as well: that would take seconds."""

T = TypeVar("T")


def verify(folder: Path, *, key: Path | None = None) -> Manifest:
    """Check every byte of a sealed bundle, and that its graph is one that marketfit lets a runtime open.

    Files are hashed and walked, never executed. What is checked: plain files only, safe names, nothing missing,
    changed or extra, known format, size, spec, contract (its verdicts follow from its measurements, its size is the
    real one), and in the graph no external data and no operator outside the three domains.

    `key` is the file of a trusted public key: then its owner must have signed the bundle. Without one a signature may
    lie there, and says nothing.

    Raises:
        BundleError: all that is wrong.
        InputError: `key` holds no public Ed25519 key.
        MissingExtraError: `key` is given and `cryptography` is not installed.
    """
    files, found = scan(folder)
    problems = list(found)
    if not files:
        raise BundleError(problems or [Problem(str(folder), "the folder is empty", "", _AGAIN)])
    total = sum(files.values())
    if total > MAX_BUNDLE_BYTES:
        # Refused before it is hashed: a huge file is a way to stall a server.
        raise BundleError(
            [*problems, Problem(str(folder), f"{total:,} bytes", f"at most {MAX_BUNDLE_BYTES:,}", _AGAIN)]
        )
    manifest = _collect(problems, lambda: read_manifest(folder))
    if key is not None:
        problems += signature_problems(folder, key)
    elif SIGNATURE in files:
        _collect(problems, lambda: read_signature(folder))
    if manifest is not None:
        problems += _listing_problems(folder, files, manifest)
    if GRAPH in files:
        problems += graph_problems(folder / GRAPH)
    problems += _content_problems(folder, files, manifest)
    problems += archive_problems(folder, files)
    if manifest is not None and (not problems or total <= MAX_REFUSED_BYTES):
        problems += _digest_problems(folder, files, manifest)
    if problems or manifest is None:
        raise BundleError(problems)
    return manifest


def check_unsealed(folder: Path) -> None:
    """Check an unsealed bundle as far as that goes without a manifest: names, links, spec, graph.

    Raises:
        BundleError: all that is wrong.
    """
    files, found = scan(folder)
    problems = list(found)
    if SPEC in files or not found:
        _collect(problems, lambda: read_spec(folder))
    if GRAPH in files:
        problems += graph_problems(folder / GRAPH)
    problems += archive_problems(folder, files)
    if GRAPH not in files and not found:
        problems.append(Problem(str(folder / GRAPH), "the graph is missing", "", "export the model again"))
    if problems:
        raise BundleError(problems)


def read_manifest(folder: Path) -> Manifest:
    """Read `manifest.json`.

    Raises:
        BundleError: missing (the bundle is unsealed), of an unknown format, or not in the one byte form.
    """
    path = folder / MANIFEST
    if not path.exists() and (folder / SPEC).exists():
        raise BundleError([Problem(str(path), "there is no manifest", "the bundle is not sealed", "seal it first")])
    check_format(path, limit=MAX_MANIFEST_BYTES)
    manifest = read_record(path, Manifest, limit=MAX_MANIFEST_BYTES)
    if encode(manifest) != read_bytes(path, limit=MAX_MANIFEST_BYTES):
        # Two byte forms of one manifest would give one bundle two digests.
        raise BundleError([Problem(str(path), "not in the form that marketfit writes", "", _AGAIN)])
    return manifest


def _listing_problems(folder: Path, files: Mapping[str, int], manifest: Manifest) -> list[Problem]:
    problems: list[Problem] = []
    where = str(folder / MANIFEST)
    if len(manifest.files) > MAX_FILES:
        return [Problem(where, f"{len(manifest.files):,} files are listed", f"at most {MAX_FILES:,}", _AGAIN)]
    lowered: dict[str, str] = {}
    for name, entry in manifest.files.items():
        path = str(folder / name)
        twin = lowered.setdefault(name.lower(), name)
        if not is_safe_name(name) or name in (MANIFEST, SIGNATURE):
            problems.append(Problem(where, f"unsafe file name {name!r}", "a plain relative path", _AGAIN))
        elif twin != name:
            problems.append(Problem(where, f"{twin!r} and {name!r} differ in case only", "", _AGAIN))
        elif name not in files:
            problems.append(Problem(path, "the file is missing", "", _AGAIN))
        elif files[name] != entry.bytes:
            problems.append(
                Problem(path, f"the file was changed: {files[name]:,} bytes", f"sealed: {entry.bytes:,}", _AGAIN)
            )
    for name in sorted(set(files) - set(manifest.files) - {MANIFEST, SIGNATURE}):
        problems.append(Problem(str(folder / name), "the file is not in the manifest", "", "remove it"))
    for name in (SPEC, GRAPH, CONTRACT, CARD, BOM):
        if name not in manifest.files:
            problems.append(Problem(where, f"{name} is not listed", "every bundle has it", _AGAIN))
    return problems


def _digest_problems(folder: Path, files: Mapping[str, int], manifest: Manifest) -> list[Problem]:
    """Files of the right size with other bytes."""
    problems = []
    for name, entry in manifest.files.items():
        if files.get(name) != entry.bytes or not is_safe_name(name):
            continue
        found = file_entry(folder / name).sha256
        if found != entry.sha256:
            text = f"the file was changed: SHA-256 {found[:16]}…"
            problems.append(Problem(str(folder / name), text, f"sealed: {entry.sha256[:16]}…", _AGAIN))
    return problems


def _content_problems(folder: Path, files: Mapping[str, int], manifest: Manifest | None) -> list[Problem]:
    problems: list[Problem] = []
    spec = _collect(problems, lambda: read_spec(folder)) if SPEC in files else None
    if spec and manifest and (spec.product, spec.task) != (manifest.product, manifest.task):
        found = f"product and task are {manifest.product!r}, {manifest.task!r}"
        problems.append(Problem(str(folder / MANIFEST), found, f"{SPEC} says {spec.product!r}, {spec.task!r}", _AGAIN))
    if spec and manifest and {BOM, CARD} <= set(files):
        problems += _collect(problems, lambda: bom_problems(folder, spec, manifest.files)) or ()
    if CONTRACT in files:
        contract = _collect(problems, lambda: read_record(folder / CONTRACT, Contract, limit=MAX_CONTRACT_BYTES))
        if contract is not None:
            problems += _contract_problems(
                str(folder / CONTRACT), contract, (sum(files.values()) - files.get(SIGNATURE, 0)) / 1e6
            )
    return problems


def _contract_problems(where: str, contract: Contract, real_mb: float) -> list[Problem]:
    problems = []
    for clause in contract.clauses:
        proved = judge(clause.requirement, clause.measurement)
        if clause.verdict is not proved:
            found = f"{clause.requirement} is said to be '{clause.verdict}'"
            problems.append(Problem(where, found, f"its measurement proves '{proved}'", _AGAIN))
        if clause.requirement.metric == "size_mb" and (
            clause.measurement is None or clause.measurement.value != real_mb
        ):
            stated = clause.measurement.value if clause.measurement else None
            problems.append(Problem(where, f"size_mb is said to be {stated}", f"the files are {real_mb}", _AGAIN))
    return problems


def _collect(problems: list[Problem], read: Callable[[], T]) -> T | None:
    """Read something; on refusal keep the problems and go on, so that all are told at once."""
    try:
        return read()
    except BundleError as error:
        problems += error.problems
        return None
