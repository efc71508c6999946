"""`compress_model`: somebody's classifier, compressed under requirements; no brief, and nothing is trained.

The steps are those of any run. A brief is made of what was asked for, the model takes the place of a trial that won,
and only passes that fit nothing may work on it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

from pydantic import JsonValue, ValidationError

from marketfit import engine, registry
from marketfit.brief import Brief, TargetSpec
from marketfit.brief.columns import header_of
from marketfit.brief.section import MistakesError
from marketfit.compress.order import registered_passes
from marketfit.contract import Contract, Measurement, Requirement
from marketfit.engine import Reporter, Run
from marketfit.errors import InputError, Problem, nearest
from marketfit.loop.keys import NO_KEYS, Keys
from marketfit.loop.outcome import rows_of
from marketfit.loop.place import WORKSPACE, check_target
from marketfit.loop.turn import Shipment, Turn, finish_turn, ship
from marketfit.loop.verification import LabelledFile
from marketfit.prepare import inspect, prepare
from marketfit.records.base import Folder, Record
from marketfit.records.data import Dataset
from marketfit.records.models import Recipe, Shortlist, Trial, Tuned
from marketfit.records.variants import UntriedGroup, Variant
from marketfit.report.text import contract_table, variants_table
from marketfit.research import research
from marketfit.task import Adopter, Trainer

_ONE_THREAD = TargetSpec()
_BOUND = re.compile(r"\s*([A-Za-z0-9_]+)\s*((?:>=|<=).*)")


class MadeVariant(Record):
    """A variant as a library user sees it. `rejected` says why it can't ship, if so; `front`: nothing beats it."""

    name: str
    passes: tuple[str, ...]
    front: bool
    rejected: str
    measurements: tuple[Measurement, ...]


class Compressed(Record):
    """What became of a model: all variants, the Pareto set first, and the sealed bundle of the best one that keeps
    the requirements, or why there is none.

    `untried` are the sequences of passes that were not made, by reason; `every_untried` is the file with all of them.
    `binding` is the requirement of a refusal that is in the way of all variants, or else of the one that was put to
    the locked test.
    """

    status: Literal["shipped", "refused"]
    reason: str
    model: str
    bundle: str | None
    bundle_sha256: str | None
    winner: str | None
    binding: str
    contract: Contract
    variants: tuple[MadeVariant, ...]
    untried: tuple[UntriedGroup, ...]
    every_untried: str | None
    machine: str
    notes: tuple[str, ...]

    def as_json(self) -> dict[str, JsonValue]:
        """The document of `--json`: the contract is a flat list of clauses."""
        return {**self.model_dump(mode="json"), "contract": rows_of(self.contract)}

    def as_text(self) -> str:
        """The same for a person."""
        front = [(item.name, item.measurements) for item in self.variants if item.front]
        others = [f"  {item.name}: {item.rejected}" for item in self.variants if item.rejected]
        lines = [f"{self.model}: {self.status}, {self.reason}", ""]
        lines += ["Pareto set, quality on valid rows", variants_table(front), ""]
        lines += ["Contract", contract_table(self.contract)]
        lines += ["", "Not on offer", *others] if others else []
        lines += ["", *self.notes] if self.notes else []
        lines += ["", f"not made, each with its reason: {self.every_untried}"] if self.every_untried else []
        lines += ["", f"bundle: {self.bundle} ({self.winner})"] if self.bundle else []
        return "\n".join(lines)


def compress_model(  # noqa: PLR0913 - all that a brief would say
    model: Path | str,
    data: LabelledFile,
    require: Sequence[str],
    *,
    target: TargetSpec = _ONE_THREAD,
    minutes: float | None = None,
    workspace: Path | str | None = None,
    reporter: Reporter | None = None,
    ledger: str | None = None,
    keys: Keys = NO_KEYS,
) -> Compressed:
    """Compress a sequence classifier that somebody else trained, and seal the best variant that keeps the requirements.

    The rows are split by label: calibration, valid rows that rank, and test rows that prove the one that was chosen.
    The best one is chosen by the first requirement. The same call again resumes.

    Args:
        model: the folder of a Hugging Face sequence classifier.
        data: labelled rows; their labels are those of the model.
        require: bounds, such as `"latency_p95_ms <= 2"`.
        target: device, threads of one request, and the price of the machine, where a cost is required.
        minutes: for variants beyond the standard ones; default as in a brief.
        workspace: where it is kept; default: `marketfit-workspace` beside the model.
        reporter: where progress goes; default: nowhere.
        ledger: URL of the ledger's database; default: SQLite in the workspace.
        keys: files of the key that signs the bundle, and of the one that is trusted; default: nothing is signed.

    Raises:
        InputError: everything that is wrong with the model, with the requirements, or with the rows.
        RunError: a step could not finish.
    """
    folder = Path(model).resolve()
    check_target(target)
    brief = _brief(folder, data, require, target, minutes)
    keys.check()
    place = Path(workspace) if workspace is not None else folder.parent / WORKSPACE
    with engine.start(brief, workspace=place, command="compress", reporter=reporter, ledger_url=ledger) as run:
        adopted, labels = _adopted(brief, folder, run=run)
        _check_labels(brief, labels, run=run)
        market = research(brief, None, run=run)
        dataset = prepare(brief, None, run=run).model_copy(update={"labels": labels})
        tuned = _as_tuned(brief, folder, adopted)
        nothing = Shortlist(candidates=(), floor_accuracy=0.0, floor_low=0.0, floor_high=0.0, floor_rows=0)
        turn = finish_turn(brief, dataset, market, nothing, tuned, run=run)
        return _told(folder, dataset, turn, ship(brief, turn, run=run, sign=keys.sign), run=run)


def _brief(
    folder: Path, data: LabelledFile, require: Sequence[str], target: TargetSpec, minutes: float | None
) -> Brief:
    """The brief that asks for the same."""
    problems = list(_problems(folder, data, require))
    if problems:
        raise InputError(problems)
    bounds = {match[1]: match[2] for text in require if (match := _BOUND.fullmatch(text))}
    free = [item.name for item in registered_passes() if not item.works.trains]
    asked = {
        "product": re.sub(r"[^A-Za-z0-9._-]+", "-", folder.name).strip("-._")[:100] or "model",
        "task": "text-classification",
        "data": {"source": data.path.resolve(), "input": data.input, "label": data.label},
        "require": bounds,
        "target": target,
        "backbones": [str(folder)],
        "compress": {"passes": free} | ({} if minutes is None else {"minutes": minutes}),
    }
    try:
        return Brief.model_validate(asked)
    except ValidationError as error:
        raise InputError([problem for detail in error.errors() for problem in _said(detail.get("ctx", {}))]) from error


def _said(context: dict[str, object]) -> Iterator[Problem]:
    found = context.get("error")
    if isinstance(found, MistakesError):
        yield from (Problem("command line", p.found, p.allowed, p.do) for p in found.problems)
    else:
        yield Problem("command line", f"{found or 'a value'} is not allowed", "see --help", "correct it")


def _problems(folder: Path, data: LabelledFile, require: Sequence[str]) -> Iterator[Problem]:
    """Everything that is wrong with what was asked for, before a model is loaded."""
    if not folder.is_dir():
        yield Problem(str(folder), "there is no such folder", "a folder that transformers saved", "correct the path")
    if not require:
        yield Problem("--require", "nothing is required", "'METRIC<=NUMBER' or 'METRIC>=NUMBER'", "require something")
    named = [match[1] for text in require if (match := _BOUND.fullmatch(text))]
    for metric in sorted({metric for metric in named if named.count(metric) > 1}):
        yield Problem("--require", f"{metric} is bounded twice", "each metric once", "remove one of the two")
    for text in require:
        match = _BOUND.fullmatch(text)
        if match is None:
            allowed = "'METRIC<=NUMBER' or 'METRIC>=NUMBER'"
            yield Problem("--require", f"cannot read the bound '{text}'", allowed, "rewrite it")
            continue
        try:
            Requirement.parse(*match.groups())
        except InputError as error:
            yield from (Problem("--require", p.found, p.allowed, p.do) for p in error.problems)
    if not data.path.is_file():
        yield Problem(str(data.path), "there is no such file", "csv, tsv, jsonl or parquet", "correct the path")
        return
    header = header_of(data.path)
    columns = header.names if header is not None and header.complete else None
    for option, column in (("--input", data.input), ("--label", data.label)):
        if columns is not None and column not in columns:
            found = f"{data.path.name} has no column '{column}'"
            yield Problem(option, found, nearest(column, columns), f"name a column of the file with {option}")


def _adopted(brief: Brief, folder: Path, *, run: Run) -> tuple[Folder, tuple[str, ...]]:
    """The model as a model folder of ours, and its labels in their order."""
    trainer: Trainer = registry.trainer(brief.task)
    if not isinstance(trainer, Adopter):
        found = f"no model of the task {brief.task} can be taken over"
        raise InputError([Problem(str(folder), found, "text-classification", "train one with a brief")])
    with run.workspace.scratch() as scratch, run.reporter.task(f"taking over {folder.name}"):
        labels = trainer.adopt(folder, scratch / "model")
        return run.workspace.put_folder(scratch / "model"), labels


def _check_labels(brief: Brief, labels: tuple[str, ...], *, run: Run) -> None:
    """Every label of the rows is one of the model's: to leave rows out would be to judge it by others."""
    found = inspect(brief, progress=run.reporter).classes
    unknown = [label for label in found if label not in labels]
    if unknown:
        where, do = f"{brief.data.source}, column '{brief.data.label}'", "use the names in id2label of its config.json"
        raise InputError([
            Problem(where, f"the model has no label '{label}'", nearest(label, labels), do) for label in unknown[:20]
        ])  # fmt: skip


def _as_tuned(brief: Brief, folder: Path, model: Folder) -> Tuned:
    """The model in the place of a trial that won."""
    found = registry.trainer(brief.task).backbones(str(folder), base=brief.base)[0]
    backbone = found.model_copy(update={"name": brief.product, "source": brief.product, "methods": ()})
    trial = Trial(
        number=0, backbone=backbone, recipe=Recipe(method="adopted", learning_rate=0.0, epochs=0.0), status="complete",
        reason="", seed=brief.seed, model=model, probabilities=None, accuracy=None, macro_f1=None, log_loss=None,
        fit=None,
    )  # fmt: skip
    return Tuned(trials=(trial,), finalists=(0,), comparisons=(), plan=())


def _told(folder: Path, dataset: Dataset, turn: Turn, shipment: Shipment, *, run: Run) -> Compressed:
    sealed, settlement = shipment.sealed, shipment.settlement
    front, every = turn.variants.front, turn.variants.every_untried
    made = sorted(turn.variants.variants, key=lambda variant: variant.name not in front)
    rows = ", ".join(f"{count:,} {split}" for split, count in dataset.splits.items())
    return Compressed(
        status=settlement.status,
        reason=settlement.reason,
        model=str(folder),
        bundle=str(sealed.folder) if sealed else None,
        bundle_sha256=sealed.digest if sealed else None,
        winner=turn.decision.winner,
        binding=_binding(turn, shipment),
        contract=settlement.contract,
        variants=tuple(_made(variant, front) for variant in made),
        untried=turn.variants.untried,
        every_untried=str(run.workspace.path(every)) if every is not None else None,
        machine=turn.variants.machine,
        notes=(f"Rows: {rows}; train rows only calibrate.", *turn.variants.notes),
    )


def _binding(turn: Turn, shipment: Shipment) -> str:
    """What the decision found in the way; after the locked test, or sealing, the first clause that is not met."""
    broken = shipment.settlement.contract.broken
    return turn.decision.binding or (str(broken[0].requirement) if broken else "")


def _made(variant: Variant, front: Sequence[str]) -> MadeVariant:
    return MadeVariant(
        name=variant.name, passes=variant.passes, front=variant.name in front, rejected=variant.rejected,
        measurements=variant.measurements,
    )  # fmt: skip
