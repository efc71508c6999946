"""Trials at the same time: the same proposals whoever ends first, no trial lost or repeated, kills survived."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from marketfit.brief import Brief
from marketfit.engine import RayJobs, Run
from marketfit.engine.jobs.on_ray import connected
from marketfit.engine.progress import SilentReporter
from marketfit.errors import InputError
from marketfit.records.data import Dataset
from marketfit.records.market import MarketView
from marketfit.records.models import Shortlist, Trial, Tuned
from marketfit.task import Progress
from marketfit.testing.fakes import FakeTrainer, kills, missing_package
from marketfit.tune import tune

EMPTY = MarketView(choice=None, competitors=(), opinions=None, notes=())
WIDE = "budget: {trials: 11, minutes: 20, parallel: 2}"

Study = Callable[..., Tuned]


@pytest.fixture
def study(
    make_brief: Callable[..., Brief], dataset: Dataset, models: Shortlist, run: Run, trainer: FakeTrainer
) -> Study:
    """Tune with a number of trials at the same time, and options of `make_brief`."""
    assert trainer.pause == 0.0

    def search(parallel: int = 1, *, run: Run = run, **options: float | str) -> Tuned:
        brief = make_brief(**options)
        budget = brief.budget.model_copy(update={"parallel": parallel})
        return tune(brief.model_copy(update={"budget": budget}), dataset, models, EMPTY, run=run)

    return search


def essence(tuned: Tuned) -> list[dict[str, object]]:
    """Trials without what differs between any two runs of them: the seconds."""
    return [trial.model_dump(exclude={"fit"}) for trial in tuned.trials]


def test_a_generation_is_proposed_from_the_trials_before_it(study: Study) -> None:
    one_by_one, together = study(trials=11), study(2, trials=11)
    assert together.plan != one_by_one.plan
    # All of the first came from the ledger, so these are the trials that one-by-one proposed.
    assert essence(together) == essence(one_by_one)


def test_two_at_a_time_are_what_the_seed_says(study: Study, run: Run, trainer: FakeTrainer) -> None:
    tuned = study(2, trials=11)
    assert trainer.calls == []  # it was sent to other processes
    assert [trial.number for trial in tuned.trials] == list(range(11))
    assert {trial.status for trial in tuned.trials} == {"complete"}
    # 7 defaults; then the generations (7, 8) and (9, 10): the second of each knows no more than the first.
    assert [trial.recipe.digest() for trial in _searched(study, run, tuned, 7)] == [
        trial.recipe.digest() for trial in tuned.trials[7:9]
    ]
    assert any("Up to 2 trials ran at the same time" in note for note in tuned.plan)


def _searched(study: Study, run: Run, tuned: Tuned, first: int) -> list[Trial]:
    """What the search proposes for the two numbers from `first`, from the trials before them alone."""
    from marketfit.tune.ranking import search_values
    from marketfit.tune.search import Space, propose

    assert study
    backbones = list({trial.backbone.name: trial.backbone for trial in tuned.trials}.values())
    backbones.sort(key=lambda item: ("big", "small", "static").index(item.name))
    space = Space.of(backbones, rows=60, terms=())
    values = search_values(tuned.trials[:first], "accuracy", valid_rows=200)
    found = []
    for number in (first, first + 1):
        proposed = propose(space, values, number=number, run=run, allowed=lambda arm, _recipe: arm.method != "probe")
        assert proposed is not None
        found.append(tuned.trials[number].model_copy(update={"recipe": proposed[1], "backbone": proposed[0].backbone}))
    return found


@pytest.mark.slow  # Ray itself has its exam in tests/engine; this is the search on top of it
def test_a_search_with_parallel_is_the_same_in_processes_and_on_ray(
    study: Study, ray: RayJobs, run: Run, tmp_path: Path, make_brief: Callable[..., Brief], dataset: Dataset
) -> None:
    here = study(2, trials=9)
    with other_run(make_brief(), dataset, run, tmp_path) as other:
        there = study(2, trials=9, run=dataclasses.replace(other, jobs=ray))
    assert essence(there) == essence(here)


def test_a_trial_whose_process_dies_is_a_failed_trial(study: Study, trainer: FakeTrainer) -> None:
    trainer.fail = kills
    tuned = study(2, trials=8)
    failed = [(trial.backbone.name, trial.recipe.method) for trial in tuned.trials if trial.status == "failed"]
    assert ("big", "lora") in failed
    assert all(method == "lora" for _, method in failed)
    assert "signal SIGKILL" in next(trial.reason for trial in tuned.trials if trial.status == "failed")


def test_what_no_trial_could_do_better_stops_the_search(study: Study, trainer: FakeTrainer, run: Run) -> None:
    trainer.fail = missing_package
    with pytest.raises(InputError, match=r"pip install 'marketfit\[train\]'"):
        study(2, trials=7)
    assert run.ledger.trials("anything") == ()


def test_minutes_are_paid_one_by_one(study: Study, trainer: FakeTrainer) -> None:
    # 20 epochs: 200 s for big, 20 for small, 60 for static (3 × 20 epochs)
    trainer.seconds = {"big": 10.0, "small": 1.0, "static": 1.0}
    tuned = study(3, minutes=3.0, trials=12)
    full = [trial.backbone.name for trial in tuned.trials if trial.recipe.method == "full"]
    assert full[:2] == ["small", "static"]
    assert "big" not in full
    assert any("Skipped trial 3 (full fine-tuning of big)" in note for note in tuned.plan)


def test_the_budget_holds_for_any_width(study: Study, trainer: FakeTrainer) -> None:
    for width in (1, 2, 5):
        tuned = study(width, trials=5, extra=f"seed: {width}")
        assert len(tuned.trials) == 5
        assert sum(trial.recipe.method == "full" for trial in tuned.trials) >= 1
    assert trainer.embedded == 3


def test_a_training_waits_for_the_probe_that_its_cost_depends_on(study: Study, run: Run) -> None:
    titles: list[str] = []

    class Titles(SilentReporter):
        @contextlib.contextmanager
        def task(self, title: str) -> Iterator[Progress]:
            titles.append(title)
            yield lambda _done: None

    study(5, trials=7, run=dataclasses.replace(run, reporter=Titles()))
    assert [title for title in titles if title.startswith("trial")] == ["trials 0, 1, 2", "trials 3, 4, 5, 6"]


@contextlib.contextmanager
def other_run(brief: Brief, dataset: Dataset, run: Run, folder: Path) -> Iterator[Run]:
    """A run in a workspace of its own that holds the same data set."""
    from marketfit.engine import start

    with start(brief, workspace=folder / "other", command="test") as other:
        for blob in (dataset.rows, dataset.features):
            other.workspace.put_bytes(run.workspace.path(blob).read_bytes(), suffix=blob.suffix)
        yield other


@pytest.fixture(scope="module")
def ray() -> Iterator[RayJobs]:
    """Ray on this machine, once for all tests here."""
    pytest.importorskip("ray")
    with connected("local"):
        yield RayJobs("local")


SEARCH = """
import json, sys
from pathlib import Path
from marketfit import registry
from marketfit.brief import load_brief
from marketfit.engine import start
from marketfit.records.market import MarketView
from marketfit.task import Progress
from marketfit.testing.fakes import FakeRuntime, FakeTrainer, backbone, shortlist_of, tiny_dataset
from marketfit.tune import tune

registry.trainer = lambda _task: FakeTrainer(pause=0.2)
registry.runtime = lambda _task: FakeRuntime
brief = load_brief(Path(sys.argv[1]))
models = shortlist_of(backbone("big"), backbone("small"), backbone("static", "probe", "full"))
with start(brief, workspace=Path(sys.argv[2]), command="test") as run:
    market = MarketView(choice=None, competitors=(), opinions=None, notes=())
    tuned = tune(brief, tiny_dataset(run), models, market, run=run)
    print(json.dumps([tuned.finalists, [t.model_dump(mode="json", exclude={"fit"}) for t in tuned.trials]]))
"""


def begin(brief: Path, workspace: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", SEARCH, str(brief), str(workspace)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip


def finished(brief: Path, workspace: Path) -> list[object]:
    process = begin(brief, workspace)
    out, err = process.communicate(timeout=200)
    assert process.returncode == 0, err
    document = json.loads(out)
    assert isinstance(document, list)
    return document


def rows(workspace: Path) -> dict[tuple[str, int], str]:
    """All recorded trials: study and number → the record, which holds the seconds that it took."""
    with (
        contextlib.suppress(sqlite3.OperationalError),
        contextlib.closing(sqlite3.connect(workspace / "ledger.sqlite")) as ledger,
    ):
        found = ledger.execute("SELECT study, number, record || seconds FROM trials").fetchall()
        return {(study, number): record for study, number, record in found}
    return {}


@pytest.mark.timeout(600)
def test_kills_change_nothing(write_brief: Callable[..., Path], tmp_path: Path) -> None:
    brief = write_brief(
        "product: tiny\ntask: text-classification\ndata: {source: data.csv, input: text, label: label}\n"
        f'require: {{accuracy: ">= 0.5"}}\n{WIDE}\n'
    )
    undisturbed = finished(brief, tmp_path / "undisturbed")
    moments, seen = random.Random(0), {}
    for enough in (1, 4, 8):
        process = begin(brief, tmp_path / "killed")
        while len(rows(tmp_path / "killed")) < enough and process.poll() is None:
            time.sleep(0.02)
        time.sleep(moments.uniform(0.0, 0.3))
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        now = rows(tmp_path / "killed")
        assert {key: now.get(key) for key in seen} == seen, "a finished trial was run again or lost"
        seen = now
    assert len(seen) < 11
    assert finished(brief, tmp_path / "killed") == undisturbed
    assert {key: rows(tmp_path / "killed")[key] for key in seen} == seen
