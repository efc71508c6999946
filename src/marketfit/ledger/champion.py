"""Which bundle is in service: read from the decisions in the ledger, and written as one more decision.

A decision's payload is a `DecisionNote`. Only `promote` and `rollback` change the champion; every other action writes
down that it stays, and why.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, JsonValue

from marketfit.errors import InputError, Problem, RunError
from marketfit.ledger.events import Event
from marketfit.ledger.store import Ledger
from marketfit.records.base import digest_of, sha256_file
from marketfit.records.decision import Action

_MANIFEST = "manifest.json"  # its SHA-256 is the digest of a sealed bundle


class DecisionNote(BaseModel, frozen=True, extra="forbid", defer_build=True):
    """The payload of a decision: the champion after it, the one before it, and why.

    `bundle` is relative to the workspace where it lies inside. `keep`: a challenger was refused; `wait`: the evidence
    does not suffice yet.
    """

    action: Action
    bundle: str
    digest: str
    previous: str
    reason: str
    evidence: Mapping[str, JsonValue] = {}


class Champion(BaseModel, frozen=True, extra="forbid", defer_build=True):
    """The bundle in service and the decision that put it there. `previous` is the digest of the one before."""

    folder: Path
    digest: str
    action: Action
    reason: str
    previous: str
    sequence: int
    created: float


def history(ledger: Ledger, product: str, *, upto: int | None = None) -> tuple[tuple[Event, DecisionNote], ...]:
    """All decisions of a product, oldest first, up to a sequence number."""
    return tuple(
        (event, DecisionNote.model_validate(dict(event.payload)))
        for event in ledger.events(product, kinds=("decision",))
        if upto is None or event.sequence <= upto
    )


def line(ledger: Ledger, product: str, workspace: Path, *, upto: int | None = None) -> tuple[Champion, ...]:
    """The champions that a rollback would walk back through; the last one is in service.

    A promotion adds one, a rollback takes one away.
    """
    stack: list[Champion] = []
    for event, note in history(ledger, product, upto=upto):
        made = Champion(
            folder=workspace / note.bundle,  # an absolute path stays as it is
            digest=note.digest,
            action=note.action,
            reason=note.reason,
            previous=note.previous,
            sequence=event.sequence,
            created=event.created,
        )
        if note.action == "promote":
            stack.append(made)
        elif note.action == "rollback":
            stack = [*stack[:-2], made]
    return tuple(stack)


def current(ledger: Ledger, product: str, workspace: Path, *, upto: int | None = None) -> Champion | None:
    """The bundle in service, or None before the first promotion."""
    champions = line(ledger, product, workspace, upto=upto)
    return champions[-1] if champions else None


def required(ledger: Ledger, product: str, workspace: Path) -> Champion:
    """The bundle in service.

    Raises:
        InputError: there is none yet.
    """
    found = current(ledger, product, workspace)
    if found is None:
        raise InputError([Problem(f"product {product}", "there is no champion yet", "", "run the brief first")])
    return found


def promote(
    ledger: Ledger,
    product: str,
    workspace: Path,
    folder: Path,
    *,
    reason: str,
    digest: str | None = None,
    evidence: Mapping[str, JsonValue] | None = None,
) -> Champion:
    """Put a sealed bundle into service. One that is in service already stays, and nothing is written.

    The folder's content is the caller's to verify; `listen.promote` does.

    Raises:
        InputError: no reason, no sealed bundle, or another digest than the one given.
    """
    found = seal_digest(folder)
    if digest is not None and digest != found:
        problem = Problem(str(folder), f"the bundle is {found[:16]}…", f"expected: {digest[:16]}…", "seal it again")
        raise InputError([problem])
    before = current(ledger, product, workspace)
    if before is not None and before.digest == found:
        return before
    decide(ledger, product, workspace, action="promote", bundle=folder, reason=reason, evidence=evidence or {})
    return required(ledger, product, workspace)


def rollback(ledger: Ledger, product: str, workspace: Path, *, reason: str) -> Champion:
    """Put the champion before this one back into service.

    Raises:
        InputError: no reason, no champion before this one, or its folder is not what it was.
    """
    before = previous(ledger, product, workspace)
    found = seal_digest(before.folder)
    if found != before.digest:
        problem = Problem(
            str(before.folder),
            f"the bundle is {found[:16]}…",
            f"it was {before.digest[:16]}… when it was in service",
            "restore the folder, or promote another bundle",
        )
        raise InputError([problem])
    decide(ledger, product, workspace, action="rollback", bundle=before.folder, reason=reason)
    return required(ledger, product, workspace)


def previous(ledger: Ledger, product: str, workspace: Path) -> Champion:
    """The champion that a rollback would put back.

    Raises:
        InputError: there is none.
    """
    champions = line(ledger, product, workspace)
    if len(champions) < 2:
        found = "there is no champion before this one" if champions else "there is no champion"
        raise InputError([Problem(f"product {product}", found, "", "promote a bundle instead")])
    return champions[-2]


def decide(
    ledger: Ledger,
    product: str,
    workspace: Path,
    *,
    action: Action,
    bundle: Path,
    reason: str,
    evidence: Mapping[str, JsonValue] | None = None,
    id: str | None = None,  # noqa: A002 - the word that events use
) -> Event:
    """Write a decision; `bundle` is the champion after it.

    With an `id` the decision is written once: a resumed run gets the recorded one. Without it, two decisions that were
    made at the same moment on the same state can't both be written.

    Raises:
        InputError: no reason, no sealed bundle, or another decision came first.
    """
    if not reason.strip():
        raise InputError([Problem("reason", "is empty", "a sentence", "say why, it is written down")])
    if id is not None and (known := ledger.event(id)) is not None:
        return known
    before = current(ledger, product, workspace)
    note = DecisionNote(
        action=action,
        bundle=_relative(bundle, workspace),
        digest=seal_digest(bundle),
        previous=before.digest if before else "",
        reason=reason,
        evidence=evidence or {},
    )
    last = ledger.newest(product, kinds=("decision",))
    identifier = id or digest_of(["decision", product, last])
    event = Event(
        product=product, kind="decision", payload=note.model_dump(mode="json"), bundle=note.digest, id=identifier
    )
    written = ledger.append([event])
    recorded = ledger.event(identifier)
    if recorded is None:
        raise RunError(f"the decision {identifier} was acknowledged but is not in the ledger")
    if not written and id is None:
        problem = Problem(
            f"product {product}", "another decision was made at the same moment", "", "look at it, then decide again"
        )
        raise InputError([problem])
    return recorded


def seal_digest(folder: Path) -> str:
    """The digest of a sealed bundle, without verifying its content.

    Raises:
        InputError: the folder is no sealed bundle.
    """
    path = folder / _MANIFEST
    if not path.is_file():
        raise InputError([Problem(str(folder), "this is no sealed bundle", f"it has no {_MANIFEST}", "seal it first")])
    return sha256_file(path)


def _relative(folder: Path, workspace: Path) -> str:
    whole, root = folder.resolve(), workspace.resolve()
    return whole.relative_to(root).as_posix() if whole.is_relative_to(root) else str(whole)
