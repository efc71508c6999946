"""The extras at the command line: a run that trackers follow, and a file that Ray answers."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Call = Callable[..., subprocess.CompletedProcess[str]]


def bundle(product: Path) -> Path:
    return next((product.parent / "marketfit-workspace" / "bundles").iterdir())


def table(folder: Path) -> Path:
    """More rows than are answered together, some of which can't be."""
    path = folder / "messages.csv"
    rows = [f"{number},where is parcel {number} {'really ' * (number % 9)}" for number in range(3000)]
    rows[5], rows[1500], rows[2047] = "5,", "too,many,fields", '"6","said ""no"""'
    path.write_text("\n".join(["id,text", *rows]) + "\n", encoding="utf-8")
    return path


@pytest.mark.slow  # Ray starts, and then Ray Data on top of it
def test_ray_gives_the_same_bytes(product: Path, call: Call, tmp_path: Path) -> None:
    pytest.importorskip("ray")
    file = table(tmp_path)
    here = call("predict", bundle(product), file)
    there = call("predict", bundle(product), file, "--ray", "local", "--quiet")
    assert (here.returncode, there.returncode) == (0, 0), there.stderr
    assert there.stdout == here.stdout
    assert len(here.stdout.splitlines()) == 3001


def test_an_address_where_nobody_is_stops_a_run_before_it_begins(
    make_quick: Callable[..., Path], call: Call, tmp_path: Path
) -> None:
    pytest.importorskip("ray")
    brief = make_quick(tmp_path / "product")
    said = call("run", brief, "--ray", "127.0.0.1:1", "--json")
    assert said.returncode == 2
    assert "Ray can't be reached" in json.loads(said.stdout)["problems"][0]["found"]
    assert not (brief.parent / "marketfit-workspace").exists()


@pytest.mark.slow  # each tracker has tests of its own in tests/engine
def test_a_run_is_followed(make_quick: Callable[..., Path], call: Call, tmp_path: Path) -> None:
    for package in ("mlflow", "tensorboard", "wandb"):
        pytest.importorskip(package)
    from mlflow.tracking import MlflowClient
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    brief = make_quick(tmp_path / "product", budget="{trials: 2, minutes: 30, parallel: 2}")
    with brief.open("a", encoding="utf-8") as stream:
        stream.write("tracking: {to: [tensorboard, mlflow, wandb]}\n")
    said = call("run", brief, "--json", "--quiet")
    assert said.returncode == 0, said.stderr
    outcome = json.loads(said.stdout)
    assert [note for note in outcome["notes"] if "character TF-IDF" not in note] == []
    workspace, name = brief.parent / "marketfit-workspace", outcome["product"]
    run = Path(outcome["report"]).parent

    boards = run / "tensorboard" / name
    assert sorted(path.name for path in boards.iterdir()) == ["outcome", "trial-000", "trial-001"]
    read = EventAccumulator(str(boards / "trial-001"))
    read.Reload()
    loss = [event.value for event in read.Scalars("train/loss")]
    assert loss[-1] < loss[0]
    assert len(loss) == len(read.Scalars("train/learning_rate"))

    client = MlflowClient(tracking_uri=f"sqlite:///{workspace / 'mlflow' / 'mlflow.sqlite'}")
    experiment = client.get_experiment_by_name(name)
    runs = {found.info.run_name: found.data for found in client.search_runs([experiment.experiment_id])}
    assert set(runs) == {f"{name}/outcome", f"{name}/trial-000", f"{name}/trial-001"}
    assert runs[f"{name}/trial-001"].params["method"] == "full"
    contract = {clause["metric"]: clause["value"] for clause in outcome["contract"]}
    told = runs[f"{name}/outcome"]
    assert {metric: told.metrics[f"contract/{metric}"] for metric in contract} == contract
    assert told.params["winner"] == outcome["winner"]
    history = client.get_metric_history
    (trial,) = [r.info.run_id for r in client.search_runs([experiment.experiment_id]) if "001" in r.info.run_name]
    assert [metric.value for metric in history(trial, "train/loss")] == pytest.approx(loss, rel=1e-5)

    assert len(list((run / "wandb").glob("offline-run-*"))) == 3
