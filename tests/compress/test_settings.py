"""Settings of the runtime: which are tried, what makes one win, and that a wrong answer never does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from marketfit import registry
from marketfit.brief import Brief
from marketfit.bundle import load_unsealed, read_spec
from marketfit.compress import settings as tried
from marketfit.compress.material import Material
from marketfit.compress.passes import Artefact
from marketfit.compress.passes.standard_operators import StandardOperators
from marketfit.compress.settings import candidate_settings, fastest_settings, started_best, words
from marketfit.engine import Run
from marketfit.measure.probe import Probed
from marketfit.measure.probe_process import BatchSeen, Observed
from marketfit.measure.process_metrics import USUAL_BATCH
from marketfit.records.base import sha256_file
from marketfit.records.bundle import SessionSettings
from marketfit.records.variants import Variant
from marketfit.task import Adopter, FloatMatrix, Labelled, unreported
from marketfit.testing.encoders import tiny_classifier
from marketfit.testing.passes import context_for

TEXTS = ["turn on the light", "play", "stop the music please now"]
ROWS = Labelled(inputs=TEXTS, targets=np.arange(3) % 2, labels=("a", "b"))
HAS_OPENVINO = registry.is_installed("openvino")


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("settings")
    trainer = registry.trainer("text-classification")
    assert isinstance(trainer, Adopter)
    trainer.adopt(tiny_classifier(folder / "theirs", labels=ROWS.labels), folder / "model")
    trainer.export(folder / "model", folder / "fused", product="x", lineage=())
    context = context_for(ROWS, folder / "standard", teacher=folder / "model")
    StandardOperators().apply(Artefact("graph", folder / "fused"), {}, context)
    return {"fused": folder / "fused", "standard": folder / "standard"}


def pretend(monkeypatch: pytest.MonkeyPatch, times: dict[str, list[float]], failure: str = "") -> None:
    """A probe that gives each setting the median times (ms) of its processes; others fail."""

    def probe(folders: dict[str, Path], *_inputs: object, **_options: object) -> dict[str, Probed]:
        return {
            name: Probed(tuple(observed(time) for time in times[name])) if name in times else Probed((), failure)
            for name in folders
        }

    monkeypatch.setattr(tried, "probe", probe)


def observed(ms: float) -> Observed:
    batch = BatchSeen(size=USUAL_BATCH, rows_per_second=5.0, peak_bytes=1)
    return Observed(cold_start_ns=1, latencies_ns=(int(ms * 1e6),) * 9, energy_uj=None, batches=(batch,))


def test_what_is_tried(bundles: dict[str, Path]) -> None:
    assert [words(one) for one in candidate_settings(bundles["fused"], threads=1)] == [
        "onnxruntime, threads 1, arena", "onnxruntime, threads 1, no arena",
    ]  # fmt: skip
    found = candidate_settings(bundles["standard"], threads=2)
    assert found[0] == SessionSettings(threads=2)
    assert len(found) == len(set(found)) == 4 + HAS_OPENVINO
    assert (SessionSettings(engine="openvino", threads=2) in found) == HAS_OPENVINO


def test_real_processes(bundles: dict[str, Path]) -> None:
    before = {path.name: sha256_file(path) for path in bundles["standard"].iterdir()}
    chosen = fastest_settings(
        bundles["standard"],
        TEXTS,
        candidate_settings(bundles["standard"], threads=1),
        processes=1,
        requests=5,
        progress=unreported,
    )
    assert chosen.settings in candidate_settings(bundles["standard"], threads=1)
    assert len(chosen.found) == 2 + HAS_OPENVINO
    assert all("n = 5 requests" in line for line in chosen.found)
    assert {path.name: sha256_file(path) for path in bundles["standard"].iterdir()} == before
    assert {path.name for path in bundles["standard"].parent.iterdir()} >= {"standard", "fused"}
    assert not [path for path in bundles["standard"].parent.iterdir() if path.name.startswith("tmp")]


@pytest.mark.parametrize(
    ("times", "wins"),
    [
        ([1.9, 1.8, 1.9], "onnxruntime, threads 1, no arena"),  # faster in each round
        ([1.0, 1.0, 2.1], "onnxruntime, threads 1, arena"),  # faster in the median, not in the last round
    ],
)
def test_faster_in_every_round_wins(
    times: list[float], wins: str, bundles: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(monkeypatch, {"onnxruntime, threads 1, arena": [2.0, 2.0, 2.0], "onnxruntime, threads 1, no arena": times})
    chosen = fastest_settings(
        bundles["fused"], TEXTS, candidate_settings(bundles["fused"], threads=1), progress=unreported
    )
    assert words(chosen.settings) == wins
    assert any("2.00 ms at the median (2.00 to 2.00 in 3 processes, n = 27 requests)" in line for line in chosen.found)


def test_what_fails_is_told_and_never_wins(bundles: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, {"onnxruntime, threads 1, arena": [2.0]}, failure="it burnt")
    chosen = fastest_settings(
        bundles["fused"], TEXTS, candidate_settings(bundles["fused"], threads=1), progress=unreported
    )
    assert chosen.settings == SessionSettings()
    assert "onnxruntime, threads 1, no arena: it burnt" in chosen.found


@pytest.mark.skipif(not HAS_OPENVINO, reason="OpenVINO is not installed")
def test_an_engine_that_answers_otherwise_is_not_timed(
    bundles: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Shifted:
        def __init__(self, folder: Path) -> None:
            self.bundle = load_unsealed(folder)
            self.off = 0.01 * (read_spec(folder).session.engine == "openvino")

        def probabilities(self, texts: list[str]) -> FloatMatrix:
            return self.bundle.probabilities(texts) + np.float32(self.off)

    monkeypatch.setattr(tried, "load_unsealed", Shifted)
    plain = ["onnxruntime, threads 1, arena", "onnxruntime, threads 1, no arena"]
    pretend(monkeypatch, {**{name: [2.0] for name in plain}, "openvino, threads 1": [0.1]})
    chosen = fastest_settings(
        bundles["standard"], TEXTS, candidate_settings(bundles["standard"], threads=1), progress=unreported
    )
    assert chosen.settings.engine == "onnxruntime"
    assert any(line.startswith("openvino, threads 1: it moves a probability by 0.01") for line in chosen.found)


def material_of(texts: list[str]) -> Material:
    rows = Labelled(inputs=texts, targets=np.arange(len(texts)) % 2, labels=ROWS.labels)
    return Material(train=rows, unlabelled=(), valid=rows, groups={}, slices={})


@pytest.mark.parametrize(("times", "arena"), [([1.9, 1.8, 1.9], False), ([3.0, 3.0, 3.0], True)])
def test_a_variant_is_started_with_what_was_measured_once(
    times: list[float], arena: bool, bundles: dict[str, Path], brief: Brief, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    variant = Variant(
        name="v", trial=0, backbone="tiny", passes=(), bundle=run.workspace.put_folder(bundles["fused"]),
        measurements=(), probabilities=run.workspace.put_bytes(b"", suffix=".npy"), unknown_tokens=0.0, truncated=0.0,
        rejected="",
    )  # fmt: skip
    pretend(monkeypatch, {"onnxruntime, threads 1, arena": [2.0, 2.0, 2.0], "onnxruntime, threads 1, no arena": times})
    started, told = started_best(brief, variant, material_of(TEXTS), run=run)
    assert read_spec(run.workspace.open_folder(started.bundle)).session == SessionSettings(arena=arena)
    assert read_spec(run.workspace.open_folder(variant.bundle)).session == SessionSettings()
    assert bool(told) != arena
    assert all(line.startswith("v, started with onnxruntime, threads 1, no arena: ") for line in told)
    pretend(monkeypatch, {}, failure="nobody measures again")
    assert started_best(brief, variant, material_of(TEXTS), run=run) == (started, told)
