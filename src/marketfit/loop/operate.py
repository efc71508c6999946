"""What a person does between two turns of the loop: serve, add feedback, promote, roll back, find a report."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from pydantic import ValidationError

from marketfit import bundle, listen
from marketfit.brief import Brief, describe
from marketfit.bundle.layout import MANIFEST
from marketfit.errors import InputError, Problem
from marketfit.ledger import champion as champions
from marketfit.ledger.champion import Champion
from marketfit.loop.outcome import Outcome
from marketfit.loop.place import beside_bundle, existing, loaded, workspace_of
from marketfit.records.base import Record
from marketfit.serve import ServeSettings, running
from marketfit.serve.server import Server
from marketfit.workspace import make_place


class InService(Record):
    """The champion after a decision by hand."""

    status: str = "done"
    product: str
    bundle: str
    bundle_sha256: str
    previous: str
    reason: str

    @classmethod
    def of(cls, product: str, made: Champion) -> InService:
        """From the ledger's record."""
        return cls(
            product=product,
            bundle=str(made.folder),
            bundle_sha256=made.digest,
            previous=made.previous,
            reason=made.reason,
        )

    def as_text(self) -> str:
        """One line."""
        return f"champion of {self.product}: {self.bundle} ({self.bundle_sha256[:16]}…)"


class Added(Record):
    """Events written from a feedback file; `known` of its rows had been written before."""

    status: str = "done"
    events: int
    known: int

    def as_text(self) -> str:
        """One line."""
        before = f", {self.known} were there already" if self.known else ""
        return f"{self.events} events written{before}"


def promote(
    brief: Brief | Path | str,
    folder: Path,
    *,
    reason: str,
    workspace: Path | str | None = None,
    ledger: str | None = None,
    key: Path | None = None,
) -> InService:
    """Put a bundle into service by hand; it is verified first, with `key` its signature too.

    Raises:
        InputError: no reason, or another decision was made at the same moment.
        BundleError: the bundle can't be trusted, or is of another product.
    """
    asked = loaded(brief)
    root = workspace_of(asked, workspace)
    with existing(root, ledger=ledger) as store:
        made = listen.promote(store, asked.product, root.resolve(), folder, reason=reason, key=key)
    return InService.of(asked.product, made)


def rollback(
    brief: Brief | Path | str,
    *,
    reason: str,
    workspace: Path | str | None = None,
    ledger: str | None = None,
    key: Path | None = None,
) -> InService:
    """Put the champion before this one back into service; it is verified first, with `key` its signature too.

    Raises:
        InputError: no reason, or there is no champion before this one.
        BundleError: the bundle can't be trusted any more.
    """
    asked = loaded(brief)
    root = workspace_of(asked, workspace)
    with existing(root, ledger=ledger) as store:
        made = listen.rollback(store, asked.product, root.resolve(), reason=reason, key=key)
    return InService.of(asked.product, made)


def add_feedback(
    brief: Brief | Path | str, file: Path, *, workspace: Path | str | None = None, ledger: str | None = None
) -> Added:
    """Write feedback from a file into the ledger: all of it, or nothing where something is wrong.

    Raises:
        DataError: everything that is wrong with the file.
        InputError: there is no champion that the feedback could be about.
    """
    asked = loaded(brief)
    root = workspace_of(asked, workspace)
    with existing(root, ledger=ledger) as store:
        named = champions.required(store, asked.product, root.resolve())
        events = listen.feedback_file(
            file,
            ledger=store,
            product=asked.product,
            labels=bundle.read_spec(named.folder).labels,
            input_column=asked.data.input,
            label_column=asked.data.label,
        )
        written = store.append(events)
    return Added(events=written, known=len(events) - written)


@contextlib.contextmanager
def serving(
    path: Path,
    *,
    host: str,
    port: int,
    settings: Sequence[str] = (),
    workspace: Path | str | None = None,
    ledger: str | None = None,
    key: Path | None = None,
) -> Iterator[Server]:
    """A server of a brief's champion, or of one bundle, that answers inside the block.

    `key` is the file of a trusted public key: with it, a bundle that its owner has not signed is refused.

    Raises:
        InputError: every setting that is wrong, no champion, a bundle that can't be trusted, an address in use.
        MissingExtraError: the extra `serve` is not installed.
    """
    values = assignments(settings)
    if (path / MANIFEST).is_file():
        place = Path(workspace) if workspace is not None else beside_bundle(path)
        values |= {"bundle": path, "workspace": place}
    else:
        brief = loaded(path)
        place = workspace_of(brief, workspace)
        values |= {"product": brief.product, "workspace": place}
        with existing(place, ledger=ledger) as store:
            champions.required(store, brief.product, place.resolve())
    make_place(place, place)
    if ledger is not None:
        values["ledger_url"] = ledger
    if key is not None:
        values["key"] = key
    with running(ServeSettings.of(values), host=host, port=port) as server:
        yield server


def assignments(settings: Sequence[str]) -> dict[str, object]:
    """Names and values from texts such as `audit_rate=0.1`.

    Raises:
        InputError: every text without a '='.
    """
    problems = [
        Problem(f"--set {text}", "has no '='", "NAME=VALUE", "write for example --set audit_rate=0.1")
        for text in settings
        if "=" not in text
    ]
    if problems:
        raise InputError(problems)
    return {name.strip(): value for name, _, value in (text.partition("=") for text in settings)}


def newest_report(brief: Brief | Path | str, *, workspace: Path | str | None = None) -> Path:
    """The newest report of a product.

    Raises:
        InputError: no run of it has finished in this workspace.
    """
    asked = loaded(brief)
    root = workspace_of(asked, workspace)
    written = sorted((root / "runs").glob("*/outcome.json"), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in written:
        try:
            outcome = Outcome.model_validate_json(path.read_bytes())
        except ValidationError:
            continue  # of another version of marketfit: its report has the words of that version
        if outcome.product == asked.product and (path.parent / "report.html").is_file():
            return path.parent / "report.html"
    problem = Problem(str(root), f"no run of '{asked.product}' has finished here", "", "marketfit run BRIEF")
    raise InputError([problem])


class Option(Record):
    """One option of a brief, or setting of the server."""

    name: str
    default: str
    help: str


def brief_options() -> list[Option]:
    """Every option of a brief with its default and help."""
    return [Option(name=name, default=default, help=text) for name, default, text in describe()]


def serve_options() -> list[Option]:
    """Every setting of the server with its default and help."""
    return [Option(name=name, default=default, help=text) for name, default, text in ServeSettings.options()]
