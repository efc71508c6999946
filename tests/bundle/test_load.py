"""A loaded bundle: known answers, clear refusals, and no package of the training side."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from marketfit.bundle import Bundle, Sealed, load, load_unsealed, read_spec, write_spec
from marketfit.errors import BundleError, InputError, RunError
from marketfit.records.bundle import BundleSpec, InputReport
from marketfit.task import Example, FloatMatrix

WITHOUT = ("torch", "sklearn", "transformers", "optuna", "cleanlab", "onnx", "peft", "datasketch", "scipy")

BLOCKED = """
import json, sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in order["without"]:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return None

order = json.load(sys.stdin)
sys.meta_path.insert(0, Blocker())
for name in order["without"]:
    try:
        __import__(name)
    except ModuleNotFoundError:
        continue
    raise SystemExit(f"{name} was not blocked")

import marketfit

bundle = marketfit.load(order["bundle"])
found = [[item.label, item.score, item.abstain] for item in bundle.predict(order["texts"])]
json.dump({"found": found, "embedded": list(bundle.embed(order["texts"]).shape)}, sys.stdout)
"""


@dataclasses.dataclass(frozen=True)
class Fixed:
    """A runtime that answers with the same matrix, whatever it is asked."""

    scores: FloatMatrix

    @classmethod
    def load(cls, folder: Path, spec: BundleSpec, *, session: object) -> Fixed:
        raise NotImplementedError(f"{folder}, {spec}, {session}")

    def predict(self, examples: Sequence[Example]) -> FloatMatrix:
        assert examples
        return self.scores

    def embed(self, examples: Sequence[Example]) -> FloatMatrix:
        assert examples
        return self.scores

    def inspect(self, examples: Sequence[Example]) -> InputReport:
        return InputReport(unknown=0.0, truncated=float(len(examples)))


def with_scores(scores: object, **changes: object) -> Bundle:
    spec = replace(BundleSpec(product="p", task="t", labels=("a", "b")), **changes)
    return Bundle(Path("x"), spec, Fixed(np.array(scores, dtype=np.float32)), contract=None, manifest=None)


def test_predictions_are_known(original: Sealed) -> None:
    bundle = load(original.folder)
    assert [item.label for item in bundle.predict(["well hello", "bye now"])] == ["greeting", "farewell"]
    assert all(0.9 < item.score <= 1 and not item.abstain for item in bundle.predict(["hello"]))
    assert bundle.labels == ("farewell", "greeting")
    assert bundle.digest == original.digest
    assert bundle.contract == original.contract
    assert repr(bundle) == "<Bundle tiny (text-classification, 2 labels, sealed)>"


def test_a_batch_gives_what_single_requests_give(original: Sealed) -> None:
    bundle = load(original.folder, threads=2)
    texts = ["hello there", "bye", "", "hello bye hello", "words unknown"] * 20
    one_by_one = np.concatenate([bundle.probabilities([text]) for text in texts])
    np.testing.assert_allclose(bundle.probabilities(texts), one_by_one, atol=1e-6)


def test_an_unsealed_bundle_answers_alike(original: Sealed, unsealed: Path) -> None:
    bundle = load_unsealed(unsealed)
    assert bundle.predict(["hello"]) == load(original.folder).predict(["hello"])
    assert (bundle.digest, bundle.contract) == (None, None)
    assert "unsealed" in repr(bundle)
    with pytest.raises(BundleError, match="not sealed"):
        load(unsealed)


def test_it_predicts_where_nothing_of_the_training_side_is_installed(original: Sealed) -> None:
    order = {"without": WITHOUT, "bundle": str(original.folder), "texts": ["hello", "bye"]}
    done = subprocess.run(
        [sys.executable, "-P", "-c", BLOCKED], input=json.dumps(order), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    expected = load(original.folder).predict(["hello", "bye"])
    assert answer["found"] == [[item.label, pytest.approx(item.score), item.abstain] for item in expected]
    assert answer["embedded"] == [2, 3]


def test_nothing_asked_nothing_answered(original: Sealed) -> None:
    bundle = load(original.folder)
    assert bundle.predict([]) == []
    assert bundle.probabilities([]).shape == (0, 2)


@pytest.mark.parametrize("single", ["hello", b"hello"])
def test_a_lone_string_is_not_taken_for_its_letters(original: Sealed, single: str | bytes) -> None:
    bundle = load(original.folder)
    for ask in (bundle.predict, bundle.probabilities, bundle.embed, bundle.inspect):
        with pytest.raises(TypeError, match="give a list"):
            ask(single)


def test_a_headless_bundle_only_embeds(unsealed: Path) -> None:
    write_spec(unsealed, replace(read_spec(unsealed), labels=()))
    bundle = load_unsealed(unsealed)
    np.testing.assert_allclose(np.linalg.norm(bundle.embed(["hello", "bye bye"]), axis=1), 1.0, atol=1e-6)
    with pytest.raises(BundleError, match="only embeds"):
        bundle.predict(["hello"])


@pytest.mark.parametrize(
    ("scores", "says"),
    [
        ([[0.5, 0.5], [0.5, 0.5]], "of shape"),
        ([[1.0]], "of shape"),
        ([[float("nan"), 0.5]], "no probabilities"),
        ([[-0.1, 1.1]], "no probabilities"),
        ([[float("inf"), 0.0]], "no probabilities"),
    ],
)
def test_scores_that_are_no_probabilities_give_no_label(scores: list[list[float]], says: str) -> None:
    with pytest.raises(RunError, match=says):
        with_scores(scores).predict(["one"])


@pytest.mark.parametrize(("below", "abstains"), [(0.0, False), (0.69, False), (0.71, True), (1.0, True)])
def test_a_low_score_is_marked_as_an_abstention(below: float, abstains: bool) -> None:
    answer = with_scores([[0.3, 0.7]], abstain_below=below).predict(["one"])[0]
    assert (answer.label, answer.abstain) == ("b", abstains)
    assert answer.score == pytest.approx(0.7)


@pytest.mark.parametrize("threads", [0, -1])
def test_a_number_of_threads_that_is_none_is_refused(original: Sealed, threads: int) -> None:
    with pytest.raises(ValueError, match="1 or more"):
        load(original.folder, threads=threads)


def test_a_task_that_nobody_knows_is_refused_with_the_nearest(unsealed: Path) -> None:
    write_spec(unsealed, replace(read_spec(unsealed), task="text-clasification"))
    with pytest.raises(InputError, match="did you mean 'text-classification'"):
        load_unsealed(unsealed)
