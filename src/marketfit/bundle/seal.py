"""Turn an unsealed bundle into the one that ships: contract, card and manifest added, all or nothing."""

from __future__ import annotations

import math
import os
import platform
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from marketfit.bundle.bom import Ingredients, ingredients, installed_packages, make_bom, read_ingredients
from marketfit.bundle.card import ModelCard, render_card
from marketfit.bundle.layout import (
    BOM,
    CARD,
    CONTRACT,
    MANIFEST,
    SEAL_FILES,
    SIGNATURE,
    encode,
    scan,
    sync_folder,
    write_file,
)
from marketfit.bundle.manifest import FileEntry, Manifest, content_entry, file_entry
from marketfit.bundle.sign import public_key_of, read_signature, write_signature
from marketfit.bundle.spec import read_spec
from marketfit.bundle.verify import check_unsealed, read_manifest, verify
from marketfit.contract import Contract, Measurement, judge
from marketfit.errors import BundleError, Problem, RunError
from marketfit.records.bundle import BundleSpec

_MAX_PADDING = 64


@dataclass(frozen=True)
class Sealed:
    """A sealed bundle: where it is, its contract with its own size in it, and its digest."""

    folder: Path
    contract: Contract
    manifest: Manifest

    @property
    def digest(self) -> str:
        """SHA-256 of the manifest's file."""
        return self.manifest.file_digest()

    @property
    def size_mb(self) -> float:
        """Size of all its files over 10⁶ bytes."""
        return self.manifest.bytes / 1e6


@dataclass(frozen=True)
class _Papers:
    """The four files that sealing adds."""

    contract: Contract
    contract_bytes: bytes
    card_bytes: bytes
    bom_bytes: bytes
    manifest: Manifest


def seal(folder: Path, *, contract: Contract, card: ModelCard, into: Path, sign: Path | None = None) -> Sealed:
    """Copy an unsealed bundle into `into`, with contract, model card and manifest; atomic, and free to repeat.

    The measurement of `size_mb`, if it is required, is replaced by the size of the sealed folder itself and judged
    again: look at the returned contract. Sealing is no gate: it writes down the verdicts, whatever they are.
    `sign` is the file of a private key that signs the manifest; an equal bundle without a signature is given one.

    Raises:
        BundleError: the folder is no sound unsealed bundle, or `into` holds something else already.
        InputError: `sign` holds no private Ed25519 key.
        MissingExtraError: `sign` is given and `cryptography` is not installed, or the bundle's engine is not.
    """
    check_unsealed(folder)
    if into.exists() or into.is_symlink():
        return _sealed_before(into, _papers(folder, contract, card, packages=_packages_of(into)), sign)
    papers = _papers(folder, contract, card, packages=installed_packages(read_spec(folder).session.engine))
    into.parent.mkdir(parents=True, exist_ok=True)
    _sweep(into)
    temporary = into.parent / f"{_prefix(into)}{os.getpid()}-{os.urandom(4).hex()}"
    try:
        _write(folder, temporary, papers)
        if sign is not None:
            write_signature(temporary, sign)
        if verify(temporary) != papers.manifest:
            raise RunError(f"{folder} changed while it was being sealed; seal it again")
        try:
            temporary.rename(into)
        except OSError:
            if not into.exists():
                raise
            return _sealed_before(into, papers, sign)  # another process was first
        sync_folder(into.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return Sealed(into, papers.contract, papers.manifest)


def sealed_contract(folder: Path, *, contract: Contract, card: ModelCard) -> Contract:
    """The contract as `seal` would write it, with the size of the sealed bundle in it; writes nothing.

    Raises:
        BundleError: the folder is no sound unsealed bundle.
    """
    check_unsealed(folder)
    return _papers(folder, contract, card, packages=installed_packages(read_spec(folder).session.engine)).contract


def _papers(folder: Path, contract: Contract, card: ModelCard, *, packages: Mapping[str, str]) -> _Papers:
    """Contract, card, bill of materials and manifest whose size, stated inside of two of them, is the real one.

    The stated number's digits are part of the size, so a fixed point is looked for. It is missed only where each
    candidate changes the number's length back and forth; blank lines at the end of the contract then break the tie.
    """
    spec, made_of = read_spec(folder), ingredients(card, packages)
    files = {
        name: file_entry(folder / name) for name in sorted(scan(folder)[0]) if name not in (*SEAL_FILES, SIGNATURE)
    }
    total = sum(entry.bytes for entry in files.values())
    for padding in range(_MAX_PADDING):
        for _ in range(4):
            stated = _with_size(contract, total / 1e6, count=len(files) + len(SEAL_FILES))
            card_bytes = render_card(card, spec=spec, contract=stated, size_mb=total / 1e6).encode()
            papers = _draft(spec, files, made_of, stated, card_bytes, padding=padding)
            if papers.manifest.bytes == total:
                return papers
            total = papers.manifest.bytes
    raise RunError(f"{folder}: found no consistent size for the sealed bundle")  # pragma: no cover


def _draft(
    spec: BundleSpec,
    files: Mapping[str, FileEntry],
    made_of: Ingredients,
    contract: Contract,
    card_bytes: bytes,
    *,
    padding: int,
) -> _Papers:
    contract_bytes = encode(contract) + b"\n" * padding
    listed = {**files, CONTRACT: content_entry(contract_bytes), CARD: content_entry(card_bytes)}
    bom_bytes = encode(make_bom(spec, listed, made_of))
    listed[BOM] = content_entry(bom_bytes)
    manifest = Manifest(product=spec.product, task=spec.task, files=listed)
    return _Papers(contract, contract_bytes, card_bytes, bom_bytes, manifest)


def _with_size(contract: Contract, size: float, *, count: int) -> Contract:
    """The contract with the bundle's own size; numbers that are not finite are not measurements."""
    clauses = []
    for clause in contract.clauses:
        measured = clause.measurement
        if clause.requirement.metric == "size_mb":
            measured = size_measurement(size, count=count, confidence=clause.requirement.confidence)
        elif measured and not all(map(math.isfinite, (measured.value, measured.low, measured.high))):
            measured = None
        verdict = judge(clause.requirement, measured)
        clauses.append(replace(clause, measurement=measured, verdict=verdict))
    return Contract(clauses=tuple(clauses))


def size_measurement(size: float, *, count: int, confidence: float) -> Measurement:
    """A size in MB as an exact measurement of one bundle of `count` files."""
    return Measurement(
        metric="size_mb",
        value=size,
        low=size,
        high=size,
        n=1,
        confidence=confidence,
        conditions=f"{count} files, over 10⁶ bytes",
    )


def _write(folder: Path, into: Path, papers: _Papers) -> None:
    into.mkdir()
    for name in papers.manifest.files:
        target = into / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if name == CONTRACT:
            write_file(target, papers.contract_bytes)
        elif name == CARD:
            write_file(target, papers.card_bytes)
        elif name == BOM:
            write_file(target, papers.bom_bytes)
        else:
            shutil.copyfile(folder / name, target, follow_symlinks=False)
            _sync_file(target)
    write_file(into / MANIFEST, encode(papers.manifest))
    for path in sorted(into.rglob("*")):
        if path.is_dir():
            sync_folder(path)
    sync_folder(into)


def _sync_file(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _packages_of(into: Path) -> Mapping[str, str]:
    """The packages that a bundle was sealed with: sealing it again after an upgrade must give what is there."""
    try:
        return read_ingredients(into).packages
    except BundleError:
        return {}  # what is there is no bundle, and is told so where the two are compared


def _sealed_before(into: Path, papers: _Papers, sign: Path | None) -> Sealed:
    """Sealing the same thing twice is what a resumed run does; anything else there must not be replaced."""
    problem = Problem(str(into), "another bundle is here already", "bundles are never replaced", "choose another name")
    try:
        manifest = read_manifest(into)
    except BundleError as error:
        raise BundleError([problem, *error.problems]) from error
    if manifest != papers.manifest:
        raise BundleError([problem])
    verify(into)
    if sign is not None:
        _sign_before(into, sign)
    return Sealed(into, papers.contract, manifest)


def _sign_before(into: Path, sign: Path) -> None:
    """Sign what was sealed before, unless it is signed; another's signature is not replaced."""
    found = read_signature(into)
    if found is None:
        write_signature(into, sign)
    elif found.public_key != public_key_of(sign):
        problem = Problem(
            str(into / SIGNATURE),
            f"signed with another key already, {found.public_key[:16]}…",
            "signatures are never replaced",
            f"sign with that key, or remove {SIGNATURE}",
        )
        raise BundleError([problem])


def _prefix(into: Path) -> str:
    return f".{into.name}.sealing-{platform.node()}-"


def _sweep(into: Path) -> None:
    """Remove what killed processes of this machine left behind while sealing the same bundle."""
    prefix = _prefix(into)
    for left in into.parent.iterdir():
        if left.name.startswith(prefix):
            pid = left.name[len(prefix) :].split("-")[0]
            if pid.isdigit() and not _is_alive(int(pid)):
                shutil.rmtree(left, ignore_errors=True)


def _is_alive(pid: int) -> bool:
    if os.name != "posix":
        return True  # there, signal 0 would end the process; what was left behind stays
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
