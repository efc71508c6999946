"""Put a bundle into service, or the one before it, by hand; both are verified before they are pointed to."""

from __future__ import annotations

from pathlib import Path

from marketfit import bundle
from marketfit.errors import BundleError, Problem
from marketfit.ledger import Ledger
from marketfit.ledger import champion as champions
from marketfit.ledger.champion import Champion


def promote(
    ledger: Ledger, product: str, workspace: Path, folder: Path, *, reason: str, key: Path | None = None
) -> Champion:
    """Put a sealed bundle into service. One that is in service already stays, and nothing is written.

    `key` is the file of a trusted public key: a bundle that its owner has not signed is refused.

    Raises:
        InputError: no reason, or another decision was made at the same moment.
        BundleError: the bundle can't be trusted, lacks the trusted signature, is of another product, or only embeds.
    """
    manifest = bundle.verify(folder, key=key)
    spec = bundle.read_spec(folder)
    problems = []
    if spec.product != product:
        problems.append(
            Problem(str(folder), f"a bundle of '{spec.product}'", f"the product is '{product}'", "name another bundle")
        )
    if not spec.labels:
        problems.append(Problem(str(folder), "this bundle has no labels, it only embeds", "", "name another bundle"))
    if problems:
        raise BundleError(problems)
    return champions.promote(ledger, product, workspace, folder, reason=reason, digest=manifest.file_digest())


def rollback(ledger: Ledger, product: str, workspace: Path, *, reason: str, key: Path | None = None) -> Champion:
    """Put the champion before this one back into service. `key`: as `promote`.

    Raises:
        InputError: no reason, no champion before this one, or another decision was made at the same moment.
        BundleError: the bundle can't be trusted any more.
    """
    bundle.verify(champions.previous(ledger, product, workspace).folder, key=key)
    return champions.rollback(ledger, product, workspace, reason=reason)
