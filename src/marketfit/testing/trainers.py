"""The exam of every Trainer and its Runtime: what is exported says what was trained, twice alike.

    check_trainer(MyTrainer(), TrainerCase(name="tiny", base=folder, rows=rows), folder=tmp_path)

raises `AssertionError` with what is wrong.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import numpy as np

from marketfit.bundle import check_unsealed, load_unsealed, read_spec
from marketfit.errors import BriefError
from marketfit.records.base import sha256_file
from marketfit.records.models import Backbone, Recipe
from marketfit.task import FloatMatrix, Labelled, Trainer, TrainingStep

METHODS: tuple[str, ...] = get_args(Recipe.model_fields["method"].annotation)
_ROUNDING = 2e-3  # of a probability: float32 in another order
_ONE_ROW = 1e-4  # a row alone against the same row among others, on features of unit length


@dataclass(frozen=True, eq=False)
class TrainerCase:
    """A backbone name of the trainer's own and training rows, few enough that a fit takes a second."""

    name: str
    base: Path
    rows: Labelled
    epochs: float = 2.0


def check_trainer(trainer: Trainer, case: TrainerCase, *, folder: Path) -> None:
    """Run the whole exam, for every backbone and method; `folder` is for what it writes."""
    found = trainer.backbones(case.name, base=case.base)
    _demand(bool(found), "backbones() gave none")
    _demand(found == trainer.backbones(case.name, base=case.base), "backbones() gave two answers for one name")
    _demand(len({item.name for item in found}) == len(found), "two backbones have one name")
    _refuses(trainer, case)
    for number, backbone in enumerate(found):
        check_embedder(trainer, backbone, case, folder=folder / f"{number}")
        for method in METHODS:
            if method in backbone.methods:
                check_method(trainer, backbone, method, case, folder=folder / f"{number}-{method}")
            else:
                _refuses_method(trainer, backbone, method, case, folder=folder / f"{number}-{method}")


def check_embedder(trainer: Trainer, backbone: Backbone, case: TrainerCase, *, folder: Path) -> None:
    """A headless bundle whose rows have unit length and do not depend on what stands beside them."""
    trainer.embedder(backbone, folder / "embedder", base=case.base)
    trainer.embedder(backbone, folder / "again", base=case.base)
    _demand(_bytes(folder / "embedder") == _bytes(folder / "again"), f"{backbone.name}: two embedders differ")
    check_unsealed(folder / "embedder")
    _demand(not read_spec(folder / "embedder").labels, f"{backbone.name}: the embedder has labels")
    bundle = load_unsealed(folder / "embedder")
    together = bundle.embed(case.rows.inputs)
    alone = np.concatenate([bundle.embed([example]) for example in case.rows.inputs])
    _demand(together.dtype == np.float32 and together.ndim == 2, f"{backbone.name}: features are no float32 matrix")
    _demand(
        bool(np.allclose(np.linalg.norm(together, axis=1), 1.0, atol=1e-4)),
        f"{backbone.name}: features have no unit length",
    )
    _demand(bool(np.abs(together - alone).max() < _ONE_ROW), f"{backbone.name}: a row's features depend on other rows")


def check_method(trainer: Trainer, backbone: Backbone, method: str, case: TrainerCase, *, folder: Path) -> None:
    """Fit twice, score, export twice; the reloaded bundle answers as the model does."""
    name, recipe = f"{backbone.name}, {method}", _recipe(method, case)
    seconds = trainer.seconds_per_epoch(backbone, recipe, case.rows, base=case.base)
    _demand(math.isfinite(seconds) and seconds >= 0, f"{name}: an epoch was estimated at {seconds} seconds")
    told: list[float] = []
    steps: list[TrainingStep] = []
    trainer.fit(backbone, recipe, case.rows, folder / "model", base=case.base, seed=3, progress=told.append)
    summary = trainer.fit(
        backbone, recipe, case.rows, folder / "again", base=case.base, seed=3, progress=told.append, follow=steps.append
    )
    _demand(_bytes(folder / "model") == _bytes(folder / "again"), f"{name}: one seed gave two models")
    _demand([step.number for step in steps] == list(range(1, summary.steps + 1)), f"{name}: steps were told as {steps}")
    figures = [(step.loss, step.learning_rate, step.epoch) for step in steps]
    _demand(all(map(math.isfinite, (x for row in figures for x in row))), f"{name}: steps were told as {steps}")
    _demand(told[-1:] == [1.0] and all(0 <= done <= 1 for done in told), f"{name}: progress did not go from 0 to 1")
    logits = trainer.scores(folder / "model", case.rows.inputs, progress=told.append)
    classes = len(case.rows.labels)
    _demand(logits.shape == (len(case.rows), classes), f"{name}: scores have the shape {logits.shape}")
    none = trainer.scores(folder / "model", [], progress=told.append)
    _demand(none.shape == (0, classes), f"{name}: scores of nothing have the shape {none.shape}")
    for into in ("bundle", "bundle-again"):
        trainer.export(folder / "model", folder / into, product="exam", lineage=("exam",))
    _demand(_bytes(folder / "bundle") == _bytes(folder / "bundle-again"), f"{name}: one model gave two bundles")
    check_unsealed(folder / "bundle")
    bundle = load_unsealed(folder / "bundle")
    _demand(bundle.labels == case.rows.labels, f"{name}: the bundle has the labels {bundle.labels}")
    gap = np.abs(bundle.probabilities(case.rows.inputs) - _softmax(logits)).max()
    _demand(bool(gap < _ROUNDING), f"{name}: the bundle's probabilities are {gap:.2g} from the model's")
    path = str(folder.resolve()).encode()
    _demand(
        all(path not in file.read_bytes() for file in (folder / "bundle").iterdir()), f"{name}: a local path is inside"
    )


def _recipe(method: str, case: TrainerCase) -> Recipe:
    return Recipe.model_validate(
        {"method": method, "learning_rate": 1e-3, "epochs": case.epochs, "batch_size": 8, "rank": 2}
    )


def _refuses(trainer: Trainer, case: TrainerCase) -> None:
    try:
        trainer.backbones("no-such-backbone-anywhere", base=case.base)
    except BriefError as error:
        _demand(all(p.where and p.found and p.do for p in error.problems), f"a problem lacks a part: {error}")
    else:
        raise AssertionError("a backbone that does not exist was found")


def _refuses_method(trainer: Trainer, backbone: Backbone, method: str, case: TrainerCase, *, folder: Path) -> None:
    try:
        trainer.fit(
            backbone, _recipe(method, case), case.rows, folder, base=case.base, seed=0, progress=lambda _done: None
        )
    except BriefError as error:
        _demand(method in str(error), f"the refusal of {method} does not name it: {error}")
    else:
        raise AssertionError(f"{backbone.name} does not take {method}, and was tuned with it")


def _softmax(logits: FloatMatrix) -> FloatMatrix:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    scaled: FloatMatrix = powers / powers.sum(axis=1, keepdims=True)
    return scaled


def _bytes(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): sha256_file(path) for path in sorted(folder.rglob("*")) if path.is_file()}


def _demand(holds: bool, otherwise: str) -> None:
    if not holds:
        raise AssertionError(otherwise)
