"""Following a training in every tracker gives the same bytes as not following it."""

from __future__ import annotations

from pathlib import Path

import pytest

from marketfit.brief import TrackingSpec
from marketfit.engine import Tracking
from marketfit.records.base import sha256_file
from marketfit.records.models import Recipe
from marketfit.task import Labelled
from marketfit.tasks.text_classification.train import TextTrainer


def quiet(_done: float) -> None:
    """No progress."""


@pytest.mark.parametrize("method", ["full", "lora"])
def test_trackers_change_no_byte_of_the_model(rows: Labelled, base: Path, tmp_path: Path, method: str) -> None:
    for package in ("mlflow", "tensorboard", "wandb"):
        pytest.importorskip(package)
    trainer = TextTrainer()
    backbone = trainer.backbones("bert", base=base)[0]
    recipe = Recipe.model_validate({"method": method, "learning_rate": 1e-3, "epochs": 3, "batch_size": 4, "rank": 2})
    trainer.fit(backbone, recipe, rows, tmp_path / "plain", base=base, seed=1, progress=quiet)
    spec = TrackingSpec(to=("mlflow", "tensorboard", "wandb"))
    place = Tracking(spec=spec, product="shop", run="r", workspace=tmp_path)
    with place.recording("trial-000", {"method": method}) as recording:
        trainer.fit(
            backbone, recipe, rows, tmp_path / "followed", base=base, seed=1, progress=quiet, follow=recording.follow
        )
        recording.complete({})
    assert recording.notes == []
    plain, followed = (
        {path.name: sha256_file(path) for path in (tmp_path / name).iterdir()} for name in ("plain", "followed")
    )
    assert followed == plain
