"""Distillation of text models: nearer to the teacher, unlabelled rows count, same arguments same bytes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from marketfit import registry
from marketfit.errors import BriefError
from marketfit.records.base import sha256_file
from marketfit.records.models import Recipe
from marketfit.task import Labelled, StaticShape, StaticTrainer, Study, Trainer, unreported
from marketfit.tasks.text_classification.distilling import even_map
from marketfit.testing.encoders import WORDS

STUDY = Study(epochs=12, learning_rate=2e-3, batch_size=4)


def drawn(count: int, *, seed: int) -> list[str]:
    """Texts of five words that the tiny tokenizer can spell."""
    random = np.random.default_rng(seed)
    return [" ".join(random.choice(WORDS, 5)) for _ in range(count)]


UNLABELLED, HELD_OUT = drawn(60, seed=0), drawn(40, seed=1)


@pytest.fixture(scope="module")
def trainer() -> Trainer:
    return registry.trainer("text-classification")


@pytest.fixture(scope="module")
def models(trainer: Trainer, base: Path, rows: Labelled, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A teacher of two layers, a student with the first one only, a static one."""
    folder = tmp_path_factory.mktemp("models")
    made = {}
    for name, epochs in (("bert", 8.0), ("bert#1", 1.0)):
        backbone = trainer.backbones(name, base=base)[0]
        recipe = Recipe(method="full", learning_rate=1e-3, epochs=epochs, batch_size=4)
        made[name] = folder / name
        trainer.fit(backbone, recipe, rows, made[name], base=base, seed=0, progress=unreported)
    assert isinstance(trainer, StaticTrainer)
    made["static"] = folder / "static"
    trainer.static(
        made["bert"], rows, made["static"], unlabelled=(), shape=StaticShape(dimensions=16, pairs=8), seed=0,
        progress=unreported,
    )  # fmt: skip
    return made


def gap(trainer: Trainer, student: Path, teacher: Path) -> float:
    """Mean KL of the student from the teacher on held-out rows."""
    logs = []
    for model in (teacher, student):
        logits = trainer.scores(model, HELD_OUT, progress=unreported).astype(np.float64)
        logs.append(logits - np.log(np.exp(logits).sum(axis=1, keepdims=True)))
    wanted, said = logs
    return float((np.exp(wanted) * (wanted - said)).sum(axis=1).mean())


@pytest.mark.parametrize("student", ["bert#1", "static"])
def test_a_student_comes_nearer_to_its_teacher(
    student: str, trainer: Trainer, models: dict[str, Path], rows: Labelled, tmp_path: Path
) -> None:
    told: list[float] = []
    summary = trainer.distil(
        models[student], models["bert"], rows, tmp_path / "made", unlabelled=UNLABELLED, study=STUDY, seed=0,
        progress=told.append,
    )  # fmt: skip
    assert gap(trainer, tmp_path / "made", models["bert"]) < gap(trainer, models[student], models["bert"])
    assert summary.losses[-1] < summary.losses[0]
    assert told == sorted(told)
    assert told[-1] == 1.0


def test_the_same_arguments_give_the_same_bytes_and_unlabelled_rows_count(
    trainer: Trainer, models: dict[str, Path], rows: Labelled, tmp_path: Path
) -> None:
    digests = []
    for number, unlabelled in enumerate(((), (), ("stop the light", "play the lamp please"))):
        into = tmp_path / str(number)
        trainer.distil(
            models["static"], models["bert"], rows, into, unlabelled=unlabelled, study=STUDY, seed=0,
            progress=unreported,
        )  # fmt: skip
        digests.append(sha256_file(into / "model.safetensors"))
    assert digests[0] == digests[1] != digests[2]


def test_unlabelled_rows_alone_teach(trainer: Trainer, models: dict[str, Path], rows: Labelled, tmp_path: Path) -> None:
    none = Labelled(inputs=(), targets=np.zeros(0, dtype=np.int64), labels=rows.labels)
    trainer.distil(
        models["static"], models["bert"], none, tmp_path / "made", unlabelled=UNLABELLED, study=STUDY, seed=0,
        progress=unreported,
    )  # fmt: skip
    assert gap(trainer, tmp_path / "made", models["bert"]) < gap(trainer, models["static"], models["bert"])


def test_matched_layers_count(trainer: Trainer, models: dict[str, Path], rows: Labelled, tmp_path: Path) -> None:
    digests = set()
    for hidden in (0.0, 5.0):
        study = Study(epochs=2, batch_size=4, hidden=hidden)
        trainer.distil(
            models["bert#1"], models["bert"], rows, tmp_path / f"{hidden}", unlabelled=(), study=study, seed=0,
            progress=unreported,
        )  # fmt: skip
        digests.add(sha256_file(tmp_path / f"{hidden}" / "model.safetensors"))
    assert len(digests) == 2


def test_layers_are_mapped_evenly() -> None:
    assert even_map(1, 6) == ((1,), (6,))
    assert even_map(4, 6) == ((1, 2, 3, 4), (2, 3, 5, 6))
    assert even_map(6, 6) == (tuple(range(1, 7)), tuple(range(1, 7)))


def test_other_labels_are_refused(trainer: Trainer, models: dict[str, Path], rows: Labelled, tmp_path: Path) -> None:
    other = Labelled(inputs=rows.inputs, targets=rows.targets, labels=("light", "sound", "neither"))
    with pytest.raises(BriefError, match="the same labels"):
        trainer.distil(
            models["static"], models["bert"], other, tmp_path / "made", unlabelled=(), study=STUDY, seed=0,
            progress=unreported,
        )  # fmt: skip
