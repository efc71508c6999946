"""A bundle as a Hugging Face folder and as an MLflow model: opened by those tools, with the same answers."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from marketfit.bundle import Sealed, load, seal, write_spec
from marketfit.bundle.card import ModelCard
from marketfit.bundle.exports import Format, export_bundle
from marketfit.bundle.layout import SEAL_FILES
from marketfit.contract import Contract
from marketfit.errors import BundleError, InputError, MissingExtraError

TEXTS = ["hello there", "bye", "well hello bye bye", "hello"]


@pytest.fixture
def tempered(sealed: Path, card: ModelCard, tmp_path: Path) -> Path:
    """The bundle with another temperature and a threshold."""
    draft = Path(shutil.copytree(sealed, tmp_path / "draft", ignore=shutil.ignore_patterns(*SEAL_FILES)))
    spec = load(sealed).spec
    write_spec(draft, replace(spec, temperature=2.5, abstain_below=0.6, input_name="text"))
    return seal(draft, contract=Contract(clauses=()), card=card, into=tmp_path / "tempered").folder


@pytest.mark.parametrize("name", ["original", "tempered"])
def test_a_hugging_face_folder_gives_the_same_probabilities(
    name: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    import onnxruntime
    from transformers import AutoConfig, AutoTokenizer

    made = request.getfixturevalue(name)
    bundle = made.folder if isinstance(made, Sealed) else made
    folder = tmp_path / "hf"
    export_bundle(bundle, to=Format.HUGGINGFACE, into=folder)
    tokenizer, config = AutoTokenizer.from_pretrained(folder), AutoConfig.from_pretrained(folder)
    inputs = tokenizer(TEXTS, padding=True, truncation=True, return_tensors="np")
    session = onnxruntime.InferenceSession(folder / "onnx" / "model.onnx")
    assert {node.type for node in session.get_inputs()} == {"tensor(int64)"}
    wanted = {node.name for node in session.get_inputs()}
    (logits,) = session.run(["logits"], {key: value for key, value in inputs.items() if key in wanted})
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    loaded = load(bundle)
    assert shares == pytest.approx(loaded.probabilities(TEXTS), abs=1e-6)
    assert tuple(config.id2label[number] for number in range(len(loaded.labels))) == loaded.labels
    assert {config.label2id[label] for label in loaded.labels} == {0, 1}
    readme = (folder / "README.md").read_text()
    assert readme.startswith("---\nlibrary_name: onnx\npipeline_tag: text-classification\n")
    assert str(loaded.digest) in readme
    assert (folder / "contract.json").read_bytes() == (bundle / "contract.json").read_bytes()


def test_a_bundle_that_puts_no_marks_around_a_text_is_exported_without(sealed: Path, tmp_path: Path) -> None:
    """Many tokenizers would put them unless told not to."""
    export_bundle(sealed, to=Format.HUGGINGFACE, into=tmp_path / "hf")
    written = json.loads((tmp_path / "hf" / "tokenizer.json").read_text())
    assert written["post_processor"] is None
    assert written["truncation"]["max_length"] == 32


def test_equal_bundles_give_equal_bytes(sealed: Path, tmp_path: Path) -> None:
    for name in "ab":
        export_bundle(sealed, to=Format.HUGGINGFACE, into=tmp_path / name)
    names = sorted(path.relative_to(tmp_path / "a") for path in (tmp_path / "a").rglob("*") if path.is_file())
    assert len(names) == 6
    assert all((tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes() for name in names)


def test_an_mlflow_model_gives_the_same_answers(tempered: Path, tmp_path: Path) -> None:
    import mlflow.pyfunc
    import pandas as pd

    export_bundle(tempered, to=Format.MLFLOW, into=tmp_path / "mlflow")
    model = mlflow.pyfunc.load_model(str(tmp_path / "mlflow"))
    found = model.predict(pd.DataFrame({"text": TEXTS}, index=[3, 5, 7, 9]))
    said = load(tempered).predict(TEXTS)
    assert found["label"].tolist() == [answer.label for answer in said]
    assert found["score"].tolist() == pytest.approx([answer.score for answer in said])
    assert found["abstain"].tolist() == [answer.abstain for answer in said]
    assert found.index.tolist() == [3, 5, 7, 9]
    assert [column.name for column in model.metadata.signature.inputs] == ["text"]
    assert "marketfit==" in (tmp_path / "mlflow" / "requirements.txt").read_text()
    assert not list((tmp_path / "mlflow").rglob("*.pkl"))


def test_a_changed_bundle_inside_of_an_mlflow_model_is_not_opened(sealed: Path, tmp_path: Path) -> None:
    import mlflow.pyfunc

    export_bundle(sealed, to=Format.MLFLOW, into=tmp_path / "mlflow")
    (spec,) = (tmp_path / "mlflow").rglob("bundle.json")
    spec.write_bytes(spec.read_bytes().replace(b"greeting", b"greening"))
    with pytest.raises(BundleError, match="was changed"):
        mlflow.pyfunc.load_model(str(tmp_path / "mlflow"))


@pytest.mark.parametrize("to", list(Format))
def test_an_untrusted_bundle_is_not_exported(sealed: Path, tmp_path: Path, to: Format) -> None:
    (sealed / "tokenizer.json").write_text("{}")
    with pytest.raises(BundleError):
        export_bundle(sealed, to=to, into=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_only_a_new_or_empty_folder_is_written_to(sealed: Path, tmp_path: Path) -> None:
    into = tmp_path / "out"
    into.mkdir()
    export_bundle(sealed, to=Format.HUGGINGFACE, into=into)
    before = sorted(into.rglob("*"))
    with pytest.raises(InputError, match="not an empty folder"):
        export_bundle(sealed, to=Format.HUGGINGFACE, into=into)
    assert sorted(into.rglob("*")) == before
    assert not list(tmp_path.glob(".out*"))


@pytest.mark.parametrize(
    ("to", "module", "line"),
    [(Format.MLFLOW, "mlflow", r"marketfit\[mlflow\]"), (Format.HUGGINGFACE, "onnx", r"marketfit\[train\]")],
)
def test_a_missing_package_names_its_extra(
    sealed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, to: Format, module: str, line: str
) -> None:
    import sys

    for name in [name for name in sys.modules if name == module or name.startswith(f"{module}.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtraError, match=line):
        export_bundle(sealed, to=to, into=tmp_path / "out")
