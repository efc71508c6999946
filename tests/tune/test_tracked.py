"""A study that is followed is the same study; a tracker that fails is told with its trial."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from marketfit.brief import Brief, TrackingSpec
from marketfit.engine import Run, start
from marketfit.records.data import Dataset
from marketfit.records.market import MarketView
from marketfit.records.models import Shortlist, Tuned
from marketfit.task import Progress
from marketfit.testing.fakes import FakeTrainer
from marketfit.tune import tune
from marketfit.tune.step import study_of

EMPTY = MarketView(choice=None, competitors=(), opinions=None, notes=())


class Said:
    """Keeps what is said."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, text: str) -> None:
        self.lines.append(text)

    @contextlib.contextmanager
    def task(self, title: str) -> Iterator[Progress]:
        assert title
        yield lambda _done: None


@pytest.fixture
def followed(
    make_brief: Callable[..., Brief],
    dataset: Dataset,
    models: Shortlist,
    run: Run,
    trainer: FakeTrainer,
    tmp_path: Path,
) -> Iterator[Callable[[], tuple[Tuned, Run]]]:
    """The same study in a run that TensorBoard follows."""
    pytest.importorskip("tensorboard")
    assert trainer.calls == []
    brief = make_brief(trials=8).model_copy(update={"tracking": TrackingSpec(to=("tensorboard",))})
    with start(brief, workspace=tmp_path / "followed", command="test") as opened:
        for blob in (dataset.rows, dataset.features):
            opened.workspace.put_bytes(run.workspace.path(blob).read_bytes(), suffix=blob.suffix)
        noted = dataclasses.replace(opened, reporter=Said())
        yield lambda: (tune(brief, dataset, models, EMPTY, run=noted), noted)


def test_it_changes_nothing(
    followed: Callable[[], tuple[Tuned, Run]],
    make_brief: Callable[..., Brief],
    dataset: Dataset,
    models: Shortlist,
    run: Run,
) -> None:
    plain = tune(make_brief(trials=8), dataset, models, EMPTY, run=run)
    tuned, other = followed()
    assert [trial.model_dump() for trial in tuned.trials] == [trial.model_dump() for trial in plain.trials]
    assert (tuned.finalists, tuned.comparisons) == (plain.finalists, plain.comparisons)
    study = study_of(make_brief(trials=8), dataset, models, EMPTY, "accuracy")
    assert len(other.ledger.trials(study)) == len(run.ledger.trials(study)) == 8
    trials = other.workspace.root / "runs" / other.id / "tensorboard" / "tiny"
    assert sorted(path.name for path in trials.iterdir()) == [f"trial-{number:03d}" for number in range(8)]
    assert not (run.workspace.root / "runs" / run.id).exists()


def test_a_failure_is_told_with_its_trial(
    followed: Callable[[], tuple[Tuned, Run]], monkeypatch: pytest.MonkeyPatch
) -> None:
    from marketfit.engine.tracking.to_tensorboard import TensorBoard

    def broken(*_: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(TensorBoard, "step", broken)
    tuned, run = followed()
    assert {trial.status for trial in tuned.trials} == {"complete"}
    noted = {trial.recipe.method for trial in tuned.trials if trial.notes}
    assert noted == {"full", "lora"}  # a probe has no steps
    said = "tensorboard stopped following: OSError: no space left on device"
    assert tuned.trials[3].notes == (said,)
    assert isinstance(run.reporter, Said)
    assert f"  trial 3 (full fine-tuning of big): {said}" in run.reporter.lines
