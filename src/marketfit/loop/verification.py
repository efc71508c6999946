"""`verify`: every byte of a bundle, and its contract measured again on this machine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import JsonValue

from marketfit import bundle, engine
from marketfit.bundle import Bundle
from marketfit.contract import DEFAULT_CONFIDENCE, METRICS, Contract, Measurement
from marketfit.engine import Reporter, SplitRows, read_split
from marketfit.errors import DataError, Problem, nearest
from marketfit.ledger import Ledger
from marketfit.loop.outcome import rows_of
from marketfit.loop.place import beside_bundle
from marketfit.loop.turn import shipment_key
from marketfit.measure.machine import fingerprint
from marketfit.measure.probe import measure_again
from marketfit.measure.process_metrics import LATENCIES, PROCESSES
from marketfit.measure.quality import measure_quality
from marketfit.prepare.normalise import clean_input, clean_text
from marketfit.prepare.read import read
from marketfit.records.base import Record
from marketfit.records.data import Dataset
from marketfit.report.text import contract_table
from marketfit.task import Labelled
from marketfit.workspace import Workspace


class Verification(Record):
    """Contract as measured again, beside the one that was sealed. The bundle's files are sound, or there is none."""

    bundle: str
    bundle_sha256: str
    machine: str
    contract: Contract
    recorded: Contract
    rows: int
    signature: str
    notes: tuple[str, ...]

    def as_json(self) -> dict[str, JsonValue]:
        """The document of `--json`."""
        return {
            "status": "kept" if self.contract.kept else "not kept",
            "bundle": self.bundle,
            "bundle_sha256": self.bundle_sha256,
            "machine": self.machine,
            "contract": rows_of(self.contract),
            "recorded": rows_of(self.recorded),
            "rows": self.rows,
            "signature": self.signature,
            "notes": list(self.notes),
        }

    def as_text(self) -> str:
        """For a person."""
        said = "keeps its contract here" if self.contract.kept else "does NOT keep its contract here"
        lines = [f"{self.bundle}: every file is as it was sealed; it {said}.", f"signature: {self.signature}"]
        lines += [f"machine: {self.machine}", ""]
        lines += ["Measured again", contract_table(self.contract), "", "As sealed", contract_table(self.recorded)]
        return "\n".join([*lines, *(["", *self.notes] if self.notes else [])])


@dataclass(frozen=True)
class LabelledFile:
    """Labelled rows to verify on, instead of the test rows that the bundle was proved on."""

    path: Path
    input: str
    label: str


def verify(
    folder: Path,
    *,
    workspace: Path | str | None = None,
    data: LabelledFile | None = None,
    price_per_hour: float | None = None,
    reporter: Reporter | None = None,
    ledger: str | None = None,
    key: Path | None = None,
) -> Verification:
    """Check every byte of a bundle and measure its contract again on this machine.

    Quality is measured on the test rows that it was proved on, found through the workspace's ledger, or on `data`.
    Where there are neither, quality and latency are `unmeasured`, which is no pass. Looking at test rows that have
    settled this very bundle opens nothing new. `key` is the file of a trusted public key that must have signed it.

    Raises:
        BundleError: the bundle can't be trusted.
        DataError: what is wrong with `data`.
        RunError: a process that held the bundle failed.
    """
    loaded = bundle.load(folder, key=key)
    say = reporter or engine.reporter(quiet=True)
    recorded = loaded.contract or Contract(clauses=())
    rows, notes = _rows(loaded, workspace, data, ledger)
    measured: list[Measurement] = []
    if rows is not None:
        measured += _quality(loaded, recorded, rows)
        needs = [clause.requirement for clause in recorded.clauses]
        with say.task(f"measuring {folder.name} in fresh processes") as progress:
            measured += measure_again(
                folder, rows.labelled.inputs, requirements=needs, price_per_hour=price_per_hour,
                processes=_processes(recorded), progress=progress,
            )  # fmt: skip
    return Verification(
        bundle=str(folder),
        bundle_sha256=loaded.digest or "",
        machine=fingerprint(loaded.spec.session.engine),
        contract=Contract.of([clause.requirement for clause in recorded.clauses], measured),
        recorded=recorded,
        rows=len(rows.labelled.inputs) if rows else 0,
        signature=_signature(folder, key),
        notes=tuple(notes),
    )


def _processes(recorded: Contract) -> int:
    """As many as the contract rests on: with fewer, what was proved could not be proved again."""
    found = [
        clause.measurement.n
        for clause in recorded.clauses
        if clause.measurement is not None
        and METRICS[clause.requirement.metric].evidence == "process"
        and clause.requirement.metric not in LATENCIES  # whose n counts requests
    ]
    return max([PROCESSES, *found])


def _signature(folder: Path, key: Path | None) -> str:
    found = bundle.read_signature(folder)
    if found is None:
        return "none"
    named = f"{found.public_key[:16]}…"
    return f"of the trusted key {named}" if key is not None else f"names the key {named}; not checked: no key is given"


def _rows(
    loaded: Bundle, workspace: Path | str | None, data: LabelledFile | None, url: str | None
) -> tuple[SplitRows | None, list[str]]:
    if data is not None:
        notes = [f"Quality is that on {data.path}, not on the rows that the bundle was proved on."]
        return _read_file(loaded, data), [*notes, *_lacking(loaded, data)]
    root = Path(workspace) if workspace is not None else beside_bundle(loaded.folder)
    dataset = _proved_on(loaded.digest or "", root, url)
    if dataset is None:
        return None, [
            f"{root} does not know this bundle, so there are no rows to measure it on: name the workspace that it was "
            "made in with --workspace, or labelled rows with --data."
        ]
    return read_split(dataset, "test", Workspace(root)), []


def _lacking(loaded: Bundle, data: LabelledFile) -> list[str]:
    """What a file of labelled rows does not tell: to which groups and slices its rows belong."""
    wanted = [clause.requirement.metric for clause in loaded.contract.clauses] if loaded.contract else []
    return [
        f"{metric} stays unmeasured: {data.path.name} does not say to which {parts} its rows belong; the workspace "
        "that the bundle was made in does (--workspace)."
        for metric, parts in _OF_PARTS.items()
        if metric in wanted
    ]


_OF_PARTS = {"worst_group_accuracy": "groups", "accuracy_gap": "groups", "worst_slice_accuracy": "slices"}


def _proved_on(digest: str, root: Path, url: str | None) -> Dataset | None:
    if url is None and not (root / "ledger.sqlite").is_file():
        return None
    store = Ledger.beside(root, url=url)
    try:
        known = store.fact(shipment_key(digest))
    finally:
        store.close()
    return Dataset.model_validate_json(known) if isinstance(known, str) else None


def _quality(loaded: Bundle, recorded: Contract, rows: SplitRows) -> list[Measurement]:
    """Each required quality metric, at the confidence at which it was sealed."""
    probabilities = loaded.probabilities(rows.labelled.inputs)
    found: list[Measurement] = []
    for clause in recorded.clauses:
        need, sealed = clause.requirement, clause.measurement
        if METRICS[need.metric].of_test_rows:
            found += measure_quality(
                [need.metric],
                probabilities,
                rows.labelled.targets,
                groups=rows.groups,
                slices=rows.slices,
                confidence=max(need.confidence, sealed.confidence if sealed else DEFAULT_CONFIDENCE),
                seed=0,
                conditions="measured again by verify",
            )
    return found


def _read_file(loaded: Bundle, data: LabelledFile) -> SplitRows:
    """Every row has to be usable: a verdict on part of a file would be a verdict on something else."""
    place = {label: index for index, label in enumerate(loaded.labels)}
    numbers: list[int] = []
    inputs: list[str | bytes] = []
    targets: list[int] = []
    problems: list[Problem] = []
    for piece in read(data.path, {data.input: "--columns INPUT", data.label: "--columns LABEL"}):
        problems += [_problem(data.path, bad.number, bad.reason, "") for bad in piece.bad]
        cells = zip(piece.numbers, piece.columns[data.input], piece.columns[data.label], strict=True)
        for number, cell, label in cells:
            example, reason = clean_input(cell)
            name, bad_label = clean_text(label)
            if reason := reason or bad_label:
                problems.append(_problem(data.path, number, reason, ""))
            elif name not in place:
                problems.append(_problem(data.path, number, f"label '{name}'", nearest(name, place)))
            else:
                numbers.append(number)
                inputs.append(example)
                targets.append(place[name])
    if not problems and not inputs:
        problems.append(Problem(str(data.path), "there is no row in it", "labelled rows", "name another file"))
    if problems:
        raise DataError(problems[:_MOST_PROBLEMS])
    labelled = Labelled(inputs=inputs, targets=np.array(targets, dtype=np.int64), labels=loaded.labels)
    return SplitRows(numbers=numbers, labelled=labelled, groups={}, slices={})


_MOST_PROBLEMS = 50


def _problem(path: Path, number: int, found: str, allowed: str) -> Problem:
    return Problem(
        f"{path}, row {number}", found, allowed or "a text and one of the bundle's labels", "correct the row"
    )
