"""Engines: the same answers from OpenVINO, from several threads at once, and from onnxruntime where it is missing."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from marketfit import registry
from marketfit.bundle import engines, load_unsealed, read_spec, write_spec
from marketfit.compress.passes import Artefact
from marketfit.compress.passes.standard_operators import StandardOperators
from marketfit.records.bundle import SessionSettings
from marketfit.registry import is_installed
from marketfit.task import Adopter, Feeder, Labelled
from marketfit.tasks.engines import OnnxRuntimeSession, OpenVinoSession, open_session
from marketfit.tasks.text_classification.runtime import TextRuntime
from marketfit.testing.encoders import tiny_classifier
from marketfit.testing.passes import context_for

TEXTS = ["turn on the light", "play", "stop the music please now", "", "lamp off " * 6]
ROWS = Labelled(inputs=TEXTS, targets=np.arange(5) % 2, labels=("a", "b"))


def needs_openvino() -> None:
    """Not by importing it: that would reach a network."""
    if not is_installed("openvino"):
        pytest.skip("OpenVINO is not installed")


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One classifier in standard operators, once for each engine."""
    folder = tmp_path_factory.mktemp("engines")
    trainer = registry.trainer("text-classification")
    assert isinstance(trainer, Adopter)
    trainer.adopt(tiny_classifier(folder / "theirs", labels=ROWS.labels), folder / "model")
    trainer.export(folder / "model", folder / "fused", product="x", lineage=())
    made = {}
    for engine in ("onnxruntime", "openvino"):
        context = context_for(ROWS, folder / engine, teacher=folder / "model")
        made[engine] = StandardOperators().apply(Artefact("graph", folder / "fused"), {}, context).folder
        settings = SessionSettings(engine=engine)  # type: ignore[arg-type]
        write_spec(made[engine], replace(read_spec(made[engine]), session=settings))
    return made


def test_openvino_says_what_onnxruntime_says(bundles: dict[str, Path]) -> None:
    needs_openvino()
    one, other = (load_unsealed(bundles[engine]) for engine in ("onnxruntime", "openvino"))
    assert np.abs(one.probabilities(TEXTS) - other.probabilities(TEXTS)).max() < 1e-5
    assert np.abs(one.embed(TEXTS) - other.embed(TEXTS)).max() < 1e-5
    alone = np.concatenate([other.probabilities([text]) for text in TEXTS])
    assert np.abs(one.probabilities(TEXTS) - alone).max() < 1e-5


def test_openvino_answers_several_threads_at_once(bundles: dict[str, Path]) -> None:
    needs_openvino()
    bundle = load_unsealed(bundles["openvino"])
    wanted = [bundle.probabilities([text]) for text in TEXTS]
    with ThreadPoolExecutor(4) as threads:
        said = list(threads.map(lambda place: bundle.probabilities([TEXTS[place % 5]]), range(100)))
    assert all(np.abs(values - wanted[place % 5]).max() < 1e-6 for place, values in enumerate(said))


def test_without_openvino_onnxruntime_answers_and_says_so(
    bundles: dict[str, Path], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(engines, "is_installed", lambda package: package != "openvino")
    with caplog.at_level(logging.WARNING):
        session = open_session(bundles["openvino"] / "model.onnx", SessionSettings(engine="openvino"))
    assert isinstance(session, OnnxRuntimeSession)
    assert "marketfit[openvino]" in caplog.text
    caplog.clear()
    open_session(bundles["openvino"] / "model.onnx", SessionSettings())
    assert not caplog.records


def test_the_recorded_engine_is_opened_and_no_other_is_imported(bundles: dict[str, Path]) -> None:
    needs_openvino()
    session = open_session(bundles["openvino"] / "model.onnx", SessionSettings(engine="openvino"))
    assert isinstance(session, OpenVinoSession)
    assert session.width("logits") == 2
    script = (
        "import sys; from marketfit.bundle import load_unsealed; load_unsealed(sys.argv[1]).predict(['lamp']);"
        "print('openvino' in sys.modules)"
    )
    for engine, folder in bundles.items():
        done = subprocess.run([sys.executable, "-c", script, str(folder)], capture_output=True, text=True, check=True)
        assert done.stdout.strip() == str(engine == "openvino")


def test_openvino_tells_nobody(bundles: dict[str, Path]) -> None:
    """Its package of telemetry is not even imported."""
    needs_openvino()
    script = (
        "import sys; from marketfit.bundle import load_unsealed; load_unsealed(sys.argv[1]).predict(['lamp']);"
        "print('openvino' in sys.modules, 'openvino_telemetry' in sys.modules)"
    )
    command = [sys.executable, "-c", script, str(bundles["openvino"])]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.split() == ["True", "False"]


def test_a_runtime_shows_what_it_feeds(bundles: dict[str, Path]) -> None:
    spec = read_spec(bundles["onnxruntime"])
    runtime = registry.runtime(spec.task).load(bundles["onnxruntime"], spec, session=spec.session)
    assert isinstance(runtime, Feeder)
    (feed,) = runtime.feeds(["play the song"])
    assert {name: values.shape for name, values in feed.items()} == {"input_ids": (1, 5), "attention_mask": (1, 5)}
    both = list(runtime.feeds(TEXTS))
    assert sum(len(one["input_ids"]) for one in both) == len(TEXTS)


@pytest.mark.parametrize(("threads", "tokens"), [(1, 256), (2, 512), (32, 4096)])
def test_batches_grow_with_the_threads_that_share_them(threads: int, tokens: int, bundles: dict[str, Path]) -> None:
    spec = read_spec(bundles["onnxruntime"])
    session = replace(spec.session, threads=threads)
    runtime = TextRuntime.load(bundles["onnxruntime"], spec, session=session)
    texts = ["play the song " * 4] * 200
    sizes = [feed["input_ids"].shape for feed in runtime.feeds(texts)]
    assert max(rows for rows, _width in sizes) == min(64, tokens // sizes[0][1])


def test_ids_found_word_by_word_change_no_answer(bundles: dict[str, Path]) -> None:
    spec = read_spec(bundles["onnxruntime"])
    runtime = TextRuntime.load(bundles["onnxruntime"], spec, session=spec.session)
    assert runtime.words  # the usual tokenizer of small encoders is one whose words can be kept
    whole = replace(runtime, words=None)
    for texts in (TEXTS, TEXTS[:1], TEXTS[3:4], TEXTS[4:]):
        assert np.array_equal(runtime.predict(texts), whole.predict(texts))
        assert np.array_equal(runtime.embed(texts), whole.embed(texts))


def test_a_spec_from_before_there_were_engines_is_read(bundles: dict[str, Path]) -> None:
    spec = json.loads((bundles["onnxruntime"] / "bundle.json").read_text())
    del spec["session"]["engine"]
    (bundles["onnxruntime"] / "bundle.json").write_text(json.dumps(spec))
    assert read_spec(bundles["onnxruntime"]).session.engine == "onnxruntime"
