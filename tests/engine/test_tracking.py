"""Trackers get the loss curve, the recipe and the figures, offline; what one of them can't do is noted and no more."""

from __future__ import annotations

import importlib.util
import os
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

from marketfit.brief import Brief, TrackingSpec, load_brief
from marketfit.engine import Recording, Tracking, start
from marketfit.errors import BriefError, MissingExtraError
from marketfit.task import TrainingStep

STEPS = [TrainingStep(number, number / 4, 1.0 / number, 0.001 * number) for number in range(1, 9)]
PARAMETERS: dict[str, str | int | float | bool] = {"method": "full", "learning_rate": 0.001, "rank": 8}


def tracking(workspace: Path, *trackers: str, uri: str | None = None) -> Tracking:
    given = {"to": trackers} | ({"mlflow_uri": uri} if uri else {})
    return Tracking(spec=TrackingSpec.model_validate(given), product="shop", run="r1", workspace=workspace)


def record(place: Tracking, what: str = "trial-007") -> Recording:
    with place.recording(what, PARAMETERS) as recording:
        for step in STEPS:
            recording.follow(step)
        recording.complete({"valid/accuracy": 0.75, "seconds": 2.0, "nothing": float("nan")})
    return recording


def test_tensorboard_has_the_curve_and_the_figures(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    assert record(tracking(tmp_path, "tensorboard")).notes == []
    read = EventAccumulator(str(tmp_path / "runs" / "r1" / "tensorboard" / "shop" / "trial-007"))
    read.Reload()
    loss = [(event.step, event.value) for event in read.Scalars("train/loss")]
    assert loss == [(step.number, pytest.approx(step.loss)) for step in STEPS]
    assert [event.value for event in read.Scalars("train/learning_rate")][-1] == pytest.approx(0.008)
    assert read.Scalars("valid/accuracy")[0].value == pytest.approx(0.75)
    assert "nothing" not in read.Tags()["scalars"]
    assert "_hparams_/session_start_info" in read.summary_metadata


def test_mlflow_has_the_curve_the_recipe_and_the_figures(tmp_path: Path) -> None:
    pytest.importorskip("mlflow")
    from mlflow.tracking import MlflowClient

    place = tracking(tmp_path, "mlflow")
    assert record(place).notes == []
    with place.recording("trial-008", PARAMETERS):
        pass  # it failed
    client = MlflowClient(tracking_uri=f"sqlite:///{tmp_path / 'mlflow' / 'mlflow.sqlite'}")
    experiment = client.get_experiment_by_name("shop")
    runs = {run.info.run_name: run for run in client.search_runs([experiment.experiment_id])}
    assert set(runs) == {"shop/trial-007", "shop/trial-008"}
    run = runs["shop/trial-007"]
    assert (run.info.status, runs["shop/trial-008"].info.status) == ("FINISHED", "FAILED")
    assert run.data.params == {"method": "full", "learning_rate": "0.001", "rank": "8"}
    assert run.data.metrics["valid/accuracy"] == 0.75
    assert run.data.tags["marketfit.run"] == "r1"
    loss = [(metric.step, metric.value) for metric in client.get_metric_history(run.info.run_id, "train/loss")]
    assert loss == [(step.number, step.loss) for step in STEPS]


def test_wandb_lies_in_the_folder_of_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wandb = pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "online")  # the brief says offline, and that counts
    assert record(tracking(tmp_path, "wandb")).notes == []
    wandb.teardown()  # its own process writes the file, and may do so after the run is finished
    (folder,) = (tmp_path / "runs" / "r1" / "wandb").glob("offline-run-*")
    (file,) = folder.glob("run-*.wandb")
    written = wandb_records(file)
    steps = {row["_step"]: row for row in written["history"]}
    assert {number: float(row["train/loss"]) for number, row in steps.items()} == {
        str(step.number): pytest.approx(step.loss) for step in STEPS
    }
    assert written["config"][0]["method"] == '"full"'
    summary = {key: value for row in written["summary"] for key, value in row.items()}
    assert (float(summary["valid/accuracy"]), float(summary["seconds"])) == (0.75, 2.0)
    assert written["run"][0]["display_name"] == "shop/trial-007"


def wandb_records(file: Path) -> dict[str, list[dict[str, str]]]:
    """The records of an offline run."""
    from wandb.proto.wandb_internal_pb2 import Record

    found: dict[str, list[dict[str, str]]] = {"history": [], "config": [], "summary": [], "run": []}
    for data in log_records(file.read_bytes()):
        record = Record.FromString(data)
        if record.HasField("history"):
            found["history"].append({i.key or "/".join(i.nested_key): i.value_json for i in record.history.item})
        if record.HasField("summary"):
            found["summary"].append({i.key or "/".join(i.nested_key): i.value_json for i in record.summary.update})
        if record.HasField("run"):
            found["run"].append({"display_name": record.run.display_name})
            found["config"].append({i.key: i.value_json for i in record.run.config.update})
    return found


def log_records(data: bytes) -> Iterator[bytes]:
    """The records of a log in LevelDB's format: blocks of 32 KiB, parts with checksum, length and kind."""
    place, parts = 7, b""  # after the file's own header
    while place + 7 <= len(data):
        left = 32768 - place % 32768
        if left < 7:
            place += left
            continue
        length, kind = struct.unpack_from("<HB", data, place + 4)
        parts += data[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in (1, 4):  # whole, or the last part
            yield parts
            parts = b""


OFFLINE = """
import socket, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from test_tracking import record, tracking
print(record(tracking(Path(sys.argv[1]), "mlflow", "tensorboard", "wandb")).notes)
"""


@pytest.mark.slow
def test_nothing_reaches_a_network(tmp_path: Path) -> None:
    """Not one attempt to connect, of any process, as far as strace can see."""
    script = [sys.executable, "-c", OFFLINE, str(tmp_path), str(Path(__file__).parent)]
    trace = tmp_path / "trace"
    strace = ["strace", "-f", "-qq", "-e", "trace=connect,sendto", "-o", str(trace)]
    if subprocess.run(["sh", "-c", "command -v strace"], capture_output=True, check=False).returncode:
        pytest.skip("strace is not installed")
    done = subprocess.run([*strace, *script], capture_output=True, text=True, check=False, timeout=200)
    if "PTRACE" in done.stderr:
        pytest.skip("strace may not trace here")
    assert done.stdout.splitlines()[-1:] == ["[]"], done.stderr
    assert [line for line in trace.read_text(errors="replace").splitlines() if "AF_INET" in line] == []


def test_a_server_that_is_down_is_noted_and_does_not_hold_up(tmp_path: Path) -> None:
    for package in ("mlflow", "tensorboard"):
        pytest.importorskip(package)
    place = tracking(tmp_path, "mlflow", "tensorboard", uri="http://127.0.0.1:9")
    (note,) = record(place).notes
    assert note.startswith("mlflow stopped following: MlflowException: ")
    assert list((tmp_path / "runs" / "r1" / "tensorboard" / "shop" / "trial-007").iterdir()) != []


@pytest.mark.parametrize("moment", ["__init__", "step", "finish"])
def test_a_tracker_that_fails_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str) -> None:
    pytest.importorskip("tensorboard")
    from marketfit.engine.tracking.to_tensorboard import TensorBoard

    calls: list[str] = []

    def broken(*_: object, **__: object) -> None:
        calls.append(moment)
        raise OSError("no space\nleft on device")

    monkeypatch.setattr(TensorBoard, moment, broken)
    assert record(tracking(tmp_path, "tensorboard")).notes == [
        "tensorboard stopped following: OSError: no space left on device"
    ]
    assert calls == [moment]


def test_no_trackers_cost_nothing(tmp_path: Path) -> None:
    assert record(tracking(tmp_path)).notes == []
    assert list(tmp_path.iterdir()) == []


def test_packages_that_are_missing_are_named_together(
    brief: Brief, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = importlib.util.find_spec
    folder = ModuleSpec("wandb", None)  # what a folder of that name in the working directory looks like

    def found(name: str, package: str | None = None) -> ModuleSpec | None:
        return {"mlflow": None, "wandb": folder}.get(name) if name in ("mlflow", "wandb") else real(name, package)

    monkeypatch.setattr(importlib.util, "find_spec", found)
    asked = brief.model_copy(update={"tracking": TrackingSpec(to=("wandb", "tensorboard", "mlflow"))})
    with (
        pytest.raises(MissingExtraError, match=r"pip install 'marketfit\[mlflow,wandb\]'"),
        start(asked, workspace=tmp_path / "w", command="run"),
    ):
        pass
    assert not (tmp_path / "w").exists()


BRIEF = """\
product: tiny
task: text-classification
data: {source: data.csv, input: text, label: label}
require: {accuracy: ">= 0.5"}
"""


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ("tracking: {to: [tensorbord]}", ["there is no tracker 'tensorbord'; did you mean 'tensorboard'?"]),
        (
            "tracking:\n  to: [neptune, mlflow, mlflow]",
            ["brief.yaml:6: tracking.to: there is no tracker 'neptune'; allowed: mlflow, tensorboard, wandb", "twice"],
        ),
        (
            "tracking: {to: [tensorboard], mlflow_uri: http://x, wandb_mode: offline}",
            ["'mlflow_uri' is given, but mlflow is not tracked to", "'wandb_mode' is given, but wandb is not"],
        ),
        ("tracking: {to: [wandb], wandb_mode: cloud}", ["'cloud' is not allowed"]),
        ("tracking: [mlflow]", ["tracking"]),
        ("tracking: {too: [mlflow]}", ["unknown key 'too'; did you mean 'to'?"]),
    ],
)
def test_mistakes_of_the_section(write_brief: Callable[..., Path], section: str, said: list[str]) -> None:
    with pytest.raises(BriefError) as caught:
        load_brief(write_brief(BRIEF + section))
    assert len(caught.value.problems) == len(said)
    for words in said:
        assert words in str(caught.value)


def test_tracking_is_no_part_of_what_a_step_reads(write_brief: Callable[..., Path]) -> None:
    plain = load_brief(write_brief(BRIEF))
    tracked = load_brief(write_brief(BRIEF + "tracking: {to: [mlflow]}"))
    everything = sorted(set(Brief.model_fields) - {"path", "tracking"})
    assert plain.part(everything) == tracked.part(everything)
    assert plain.digest() != tracked.digest()
    assert os.environ.get("MLFLOW_TRACKING_URI") is None
