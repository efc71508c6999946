"""The text trainer: the exam on every architecture, names of backbones, determinism, what is learnt."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from marketfit import registry
from marketfit.bundle import load_unsealed, size_mb
from marketfit.errors import BriefError, DataError, RunError
from marketfit.records.models import Recipe, TermSpec
from marketfit.task import Labelled, Trainer
from marketfit.testing.encoders import tiny_encoder
from marketfit.testing.trainers import TrainerCase, check_trainer


def quiet(_done: float) -> None:
    """No progress."""


@pytest.fixture
def trainer() -> Trainer:
    return registry.trainer("text-classification")


def test_the_registered_trainers_and_runtimes_are_those_of_the_list() -> None:
    assert registry.names("trainers") == registry.names("runtimes") == ("text-classification",)


@pytest.mark.parametrize("kind", ["bert", pytest.param("mpnet", marks=pytest.mark.slow)])
def test_the_trainer_passes_the_exam(kind: str, trainer: Trainer, base: Path, rows: Labelled, tmp_path: Path) -> None:
    """BERT is written straight from its weights; MPNet, with its relative positions, has to be traced."""
    check_trainer(trainer, TrainerCase(name=kind, base=base, rows=rows), folder=tmp_path)


@pytest.mark.parametrize("kind", ["distilbert", "electra", "mpnet", "roberta"])
def test_other_architectures_export_what_they_learnt(
    kind: str, trainer: Trainer, base: Path, rows: Labelled, tmp_path: Path
) -> None:
    for number, backbone in enumerate(trainer.backbones(kind, base=base)):
        model, bundle = tmp_path / f"model{number}", tmp_path / f"bundle{number}"
        recipe = Recipe(method="full", learning_rate=1e-3, epochs=1, batch_size=4)
        trainer.fit(backbone, recipe, rows, model, base=base, seed=0, progress=quiet)
        trainer.export(model, bundle, product="x", lineage=())  # checks its outputs against torch's
        assert load_unsealed(bundle).probabilities(rows.inputs).shape == (len(rows), 2)


@pytest.mark.parametrize("has", [True, False])
def test_products_are_in_bf16_where_the_processor_has_it(
    has: bool, trainer: Trainer, base: Path, rows: Labelled, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: set[torch.dtype] = set()
    product = torch.nn.functional.linear

    def watched(*given: torch.Tensor) -> torch.Tensor:
        found = product(*given)
        seen.add(found.dtype)
        return found

    monkeypatch.setattr("marketfit.training.loop.has_bf16", lambda: has)
    monkeypatch.setattr(torch.nn.functional, "linear", watched)
    (backbone,) = trainer.backbones("bert#1", base=base)
    recipe = Recipe(method="full", learning_rate=1e-3, epochs=1, batch_size=4)
    fit = trainer.fit(backbone, recipe, rows, tmp_path / "model", base=base, seed=0, progress=quiet)
    assert fit.precision == ("bf16" if has else "float32")
    assert (torch.bfloat16 in seen) is has


def test_the_exam_fails_a_trainer_that_exports_something_else(
    trainer: Trainer, base: Path, rows: Labelled, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = type(trainer).scores

    def shifted(self: Trainer, model: Path, examples: list[str], *, progress: object) -> object:
        return honest(self, model, examples, progress=progress) * 3 + [1, 0]

    monkeypatch.setattr(type(trainer), "scores", shifted)
    with pytest.raises(AssertionError, match="probabilities are"):
        check_trainer(trainer, TrainerCase(name="bert#1", base=base, rows=rows), folder=tmp_path)


def test_names_of_backbones(trainer: Trainer, base: Path) -> None:
    assert [b.name for b in trainer.backbones("bert", base=base)] == ["bert", "bert#1", "bert#static"]
    (cut,) = trainer.backbones("bert#2", base=base)
    assert (cut.cut, cut.static) == (2, False)
    (static,) = trainer.backbones("bert#static", base=base)
    assert static.methods == ("probe", "full")
    whole, half, table = trainer.backbones("minilm", base=base)
    assert [b.name for b in (whole, half, table)] == ["minilm", "minilm-3", "minilm-static"]
    assert whole.weights_sha256.startswith("53aa51172d142c89")
    assert whole.parameters > half.parameters > table.parameters


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nowhere", "no such folder"),
        ("bert#7", "1 to 2 layers"),
        ("bert#quick", "is not a kind of backbone"),
        ("minilm-0", "is not a kind of backbone"),
        ("empty", "no *.safetensors"),
        ("gpt", "is not an encoder"),
    ],
)
def test_backbones_that_are_refused(name: str, said: str, trainer: Trainer, base: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    shutil.copytree(base / "bert", tmp_path / "bert")
    shutil.copytree(base / "bert", tmp_path / "gpt")
    config = json.loads((tmp_path / "gpt" / "config.json").read_text())
    (tmp_path / "gpt" / "config.json").write_text(json.dumps({**config, "model_type": "gpt2"}))
    with pytest.raises(BriefError, match=said.replace("*", r"\*")):
        trainer.backbones(name, base=tmp_path)


def test_files_that_change_between_choice_and_training_are_noticed(
    trainer: Trainer, rows: Labelled, tmp_path: Path
) -> None:
    tiny_encoder(tmp_path / "mine")
    backbone = trainer.backbones("mine", base=tmp_path)[0]
    tiny_encoder(tmp_path / "mine", seed=1)
    recipe = Recipe(method="probe", learning_rate=0, epochs=0)
    with pytest.raises(RunError, match="changed"):
        trainer.fit(backbone, recipe, rows, tmp_path / "model", base=tmp_path, seed=0, progress=quiet)


def test_real_minilm_learns_from_a_handful(trainer: Trainer, tmp_path: Path) -> None:
    """The probe of the built-in backbone tells two intents apart that it has never seen in these words."""
    texts = ("book a table for two", "reserve a seat for dinner", "is it going to rain", "how warm is it outside")
    rows = Labelled(inputs=texts, targets=np.array([0, 0, 1, 1]), labels=("restaurant", "weather"))
    backbone = trainer.backbones("minilm-3", base=tmp_path)[0]
    recipe = Recipe(method="probe", learning_rate=0, epochs=0)
    trainer.fit(backbone, recipe, rows, tmp_path / "model", base=tmp_path, seed=0, progress=quiet)
    trainer.export(tmp_path / "model", tmp_path / "bundle", product="x", lineage=())
    said = load_unsealed(tmp_path / "bundle").predict(["a table by the window tonight", "will there be snow tomorrow"])
    assert [one.label for one in said] == ["restaurant", "weather"]
    assert size_mb(tmp_path / "bundle") < 75


def test_positions_that_no_text_reaches_are_not_shipped(trainer: Trainer, rows: Labelled, tmp_path: Path) -> None:
    backbone = trainer.backbones("minilm-3", base=tmp_path)[0]
    recipe = Recipe(method="probe", learning_rate=0, epochs=0)
    trainer.fit(backbone, recipe, rows, tmp_path / "model", base=tmp_path, seed=0, progress=quiet)
    trainer.export(tmp_path / "model", tmp_path / "bundle", product="x", lineage=())
    longest = load_unsealed(tmp_path / "bundle").spec.preprocessor["max_length"]
    tensors = onnx.load(tmp_path / "bundle" / "model.onnx").graph.initializer
    assert [tensor.dims[0] for tensor in tensors if tensor.name == "embeddings.position"] == [longest] == [64]
    whole, cut = load_unsealed(tmp_path / "bundle").probabilities(["lamp " * 500, "lamp " * 62])  # and two marks
    np.testing.assert_array_equal(whole, cut)


def test_inputs_that_are_no_text_are_all_named(trainer: Trainer, base: Path, tmp_path: Path) -> None:
    rows = Labelled(inputs=["on", 3, "off", None], targets=np.array([0, 1, 0, 1]), labels=("a", "b"))
    backbone = trainer.backbones("bert#1", base=base)[0]
    recipe = Recipe(method="probe", learning_rate=0, epochs=0)
    with pytest.raises(DataError) as caught:
        trainer.fit(backbone, recipe, rows, tmp_path / "model", base=base, seed=0, progress=quiet)
    assert "1" in str(caught.value)
    assert "3" in str(caught.value)


def test_the_survey_moves_every_method_towards_what_people_say(
    trainer: Trainer, base: Path, rows: Labelled, tmp_path: Path
) -> None:
    """People say 'music' of a row that is labelled 'light': with λ = 3 its probability rises."""
    consensus = np.zeros((len(rows), 2), dtype=np.float32)
    consensus[10] = (0.0, 1.0)
    asked = Labelled(inputs=rows.inputs, targets=rows.targets, labels=rows.labels, consensus=consensus)
    backbone = trainer.backbones("bert#1", base=base)[0]
    for method in ("probe", "full"):
        said = []
        for terms in ((), (TermSpec(name="survey", weight=3.0),)):
            recipe = Recipe.model_validate(
                {"method": method, "learning_rate": 1e-3, "epochs": 6, "batch_size": 4, "terms": terms}
            )
            into = tmp_path / f"{method}{len(terms)}"
            trainer.fit(backbone, recipe, asked, into, base=base, seed=0, progress=quiet)
            logits = trainer.scores(into, [rows.inputs[10]], progress=quiet)
            said.append(float(logits[0, 1] - logits[0, 0]))
        assert said[1] > said[0], method


def test_the_seed_decides_a_full_training(trainer: Trainer, base: Path, rows: Labelled, tmp_path: Path) -> None:
    backbone = trainer.backbones("bert#1", base=base)[0]
    recipe = Recipe(method="full", learning_rate=1e-3, epochs=2, batch_size=4)
    for seed in (0, 1):
        trainer.fit(backbone, recipe, rows, tmp_path / f"{seed}", base=base, seed=seed, progress=quiet)
    first, second = (trainer.scores(tmp_path / f"{seed}", rows.inputs, progress=quiet) for seed in (0, 1))
    assert np.abs(first - second).max() > 1e-3


def test_a_hub_id_is_taken_from_the_local_cache_first(
    trainer: Trainer, base: Path, rows: Labelled, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A snapshot as huggingface_hub keeps it; no network is asked."""
    from huggingface_hub import constants

    cache = tmp_path / "cache"
    commit = "0" * 40
    shutil.copytree(base / "bert", cache / "models--tiny--bert" / "snapshots" / commit)
    (cache / "models--tiny--bert" / "refs").mkdir()
    (cache / "models--tiny--bert" / "refs" / "main").write_text(commit)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    found = trainer.backbones("tiny/bert", base=tmp_path)
    assert [backbone.name for backbone in found] == ["tiny/bert", "tiny/bert#1", "tiny/bert#static"]
    recipe = Recipe(method="probe", learning_rate=0, epochs=0)
    trainer.fit(found[1], recipe, rows, tmp_path / "model", base=tmp_path, seed=0, progress=quiet)
    assert trainer.scores(tmp_path / "model", rows.inputs, progress=quiet).shape == (len(rows), 2)


@pytest.mark.parametrize("name", ["nobody/nothing", "my--org/bert", "modèles/bert", "owner/name.git"])
def test_a_hub_id_that_nobody_gives_is_an_instruction(
    trainer: Trainer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Names that no hub model can have included."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(BriefError, match="the hub does not give it"):
        trainer.backbones(name, base=tmp_path)
