"""The step as a whole, with fake backbones of known quality."""

from __future__ import annotations

import time
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from marketfit.brief import Brief
from marketfit.engine import Run, start
from marketfit.errors import BriefError, Problem
from marketfit.records.data import Dataset, LengthProfile
from marketfit.records.models import Backbone
from marketfit.shortlist import shortlist
from marketfit.shortlist import step as stepping
from marketfit.task import FloatMatrix

LABELS = ("metal", "fruit", "bird")
WORDS = {"metal": ("iron", "zinc"), "fruit": ("plum", "pear"), "bird": ("crow", "wren")}


class FakeTrainer:
    """Backbones `good` (words), `poor` (length only, slow) behind one name."""

    def __init__(self) -> None:
        self.exported: list[str] = []

    def backbones(self, name: str, *, base: Path) -> tuple[Backbone, ...]:  # noqa: ARG002 - the protocol names it
        if name != "pair":
            raise BriefError([Problem("backbones", f"there is no '{name}'", "pair", "name it")])
        return tuple(
            Backbone(
                name=kind, source=name, cut=None, static=False, parameters=size, weights_sha256="0", methods=("probe",)
            )
            for kind, size in (("good", 5_000_000), ("poor", 9_000_000))
        )

    def embedder(self, backbone: Backbone, into: Path, *, base: Path) -> None:  # noqa: ARG002 - the protocol names it
        self.exported.append(backbone.name)
        into.mkdir(parents=True)
        (into / "model.onnx").write_bytes(b"x" * 77)
        (into / "tokenizer.json").write_text("t" * 1000)
        (into / "name").write_text(backbone.name)


class FakeBundle:
    def __init__(self, folder: Path) -> None:
        self.name = (folder / "name").read_text()

    def embed(self, inputs: Sequence[str]) -> FloatMatrix:
        if self.name == "poor":
            time.sleep(0.0005)
        features = np.full((len(inputs), 32), 1e-2, dtype=np.float32)
        for row, text in enumerate(inputs):
            words = text.split() if self.name == "good" else [str(len(text))]
            for word in words:
                features[row, zlib.crc32(word.encode()) % 32] += 1
        normed: FloatMatrix = features / np.linalg.norm(features, axis=1, keepdims=True)
        return normed


@pytest.fixture
def trainer(monkeypatch: pytest.MonkeyPatch) -> FakeTrainer:
    fake = FakeTrainer()
    monkeypatch.setattr(stepping.registry, "trainer", lambda _task: fake)
    monkeypatch.setattr(stepping, "load_unsealed", lambda folder, **_kwargs: FakeBundle(folder))
    return fake


@pytest.fixture
def brief(tmp_path: Path) -> Brief:
    source = tmp_path / "data.csv"
    source.write_text("text,label\n")
    data = {"source": str(source), "input": "text", "label": "label"}
    require = {"accuracy": ">= 0.9", "size_mb": "<= 30"}
    content = {"product": "p", "task": "t", "data": data, "require": require, "backbones": ["pair"]}
    return Brief.model_validate(content)


@pytest.fixture
def run(tmp_path: Path, brief: Brief) -> Iterator[Run]:
    with start(brief, workspace=tmp_path / "workspace", command="test") as opened:
        yield opened


def dataset_of(run: Run, tmp_path: Path) -> Dataset:
    rng = np.random.default_rng(0)
    labels = [LABELS[number % 3] for number in range(600)]
    inputs = [f"{rng.choice(WORDS[label])} {rng.integers(1000, 9999)}" for label in labels]
    splits = [("train", "train", "valid", "test")[number // 3 % 4] for number in range(600)]
    table = pa.table({"input": inputs, "label": labels, "split": splits})
    folder = tmp_path / "embedder"
    FakeTrainer().embedder(FakeTrainer().backbones("pair", base=tmp_path)[0], folder, base=tmp_path)
    nothing = run.workspace.put_bytes(b"", suffix=".parquet")
    return Dataset(
        task="t", rows=run.workspace.put_table(table),
        features=run.workspace.put_array(FakeBundle(folder).embed(inputs)), embedder=run.workspace.put_folder(folder),
        labels=tuple(sorted(LABELS)), splits={}, classes={}, source_rows=600,
        quarantined=(), quarantine=nothing, receipts=nothing, label_issues=nothing, unlabelled=None,
        length=LengthProfile(p50=1, p95=1, longest=1, unit="characters"), notes=(), test_digest="",
        input_description="",
    )  # fmt: skip


def test_good_is_kept_and_poor_is_dropped(brief: Brief, run: Run, trainer: FakeTrainer, tmp_path: Path) -> None:
    found = shortlist(brief, dataset_of(run, tmp_path), run=run)
    assert [(one.backbone.name, one.kept) for one in found.candidates] == [("good", True), ("poor", False)]
    good, poor = found.candidates
    assert found.kept == (good.backbone,)
    assert good.probe_accuracy > 0.9 > poor.probe_accuracy
    assert good.probe_low <= good.probe_accuracy <= good.probe_high
    assert (good.probe_rows, found.floor_rows) == (150, 150)
    assert good.size_mb == pytest.approx(5.001004)  # parameters as bytes, and every file but the graph
    assert poor.latency_ms > max(0.4, good.latency_ms)
    assert trainer.exported == ["poor"]  # the first backbone's features are the Dataset's


def test_a_backbone_named_twice_is_looked_at_once(brief: Brief, run: Run, trainer: FakeTrainer, tmp_path: Path) -> None:
    twice = brief.model_copy(update={"backbones": ("pair", "pair")})
    assert len(shortlist(twice, dataset_of(run, tmp_path), run=run).candidates) == 2
    assert trainer.exported == ["poor"]


@pytest.mark.usefixtures("trainer")
def test_an_unknown_backbone_is_refused(brief: Brief, run: Run, tmp_path: Path) -> None:
    wrong = brief.model_copy(update={"backbones": ("pair", "pear")})
    with pytest.raises(BriefError, match="there is no 'pear'"):
        shortlist(wrong, dataset_of(run, tmp_path), run=run)


def test_the_step_is_light() -> None:
    import subprocess
    import sys

    code = (
        "import sys, marketfit.prepare, marketfit.shortlist;"
        "print([m for m in ('torch', 'sklearn', 'transformers', 'cleanlab', 'datasketch', 'onnx') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
