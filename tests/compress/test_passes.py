"""Every registered pass passes the exam, and none is registered that this list does not know."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from marketfit import registry
from marketfit.bundle import load_unsealed, read_spec, size_mb, write_spec
from marketfit.compress.order import ORDER, TABLES, registered_passes
from marketfit.compress.passes import Artefact, Context, Options, Pass
from marketfit.errors import BriefError
from marketfit.records.models import Recipe
from marketfit.task import Labelled
from marketfit.testing.encoders import WORDS, Shape, tiny_encoder
from marketfit.testing.passes import NEAR_OF_CUTS, check_pass, check_plannable, context_for

GRAPH_PASSES = ("half", "int8", "int8-embeddings", "pq-embeddings", "static-int8", "vocabulary-trim")
CUTS = ("layer-drop", "width-prune")
PASSES = tuple(sorted((*GRAPH_PASSES, *CUTS, "distil", "standard-operators", "static")))
SHORT = {"epochs": 2, "batch_size": 8}
ROWS = Labelled(
    inputs=[f"{first} the {second}" for first in WORDS[:4] for second in WORDS[4:9]],
    targets=np.arange(20) % 2,
    labels=("a", "b"),
)


def load(name: str) -> Pass:
    return cast("type[Pass]", registry.load("passes", name))()


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A tuned tiny encoder, its first layer and its static version: model folders, and exported."""
    folder = tmp_path_factory.mktemp("exported")
    tiny_encoder(folder / "tiny", unused=3500)
    trainer = registry.trainer("text-classification")
    found = {}
    for backbone in trainer.backbones("tiny", base=folder):
        kind = "static" if backbone.static else f"{backbone.cut or 'whole'}"
        recipe = Recipe(method="probe", learning_rate=0, epochs=0, regularisation=0.1)
        trainer.fit(backbone, recipe, ROWS, folder / f"m{kind}", base=folder, seed=0, progress=lambda _done: None)
        trainer.export(folder / f"m{kind}", folder / kind, product="x", lineage=("tiny",))
        found[kind], found[f"model {kind}"] = folder / kind, folder / f"m{kind}"
    return found


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tuned encoder that is large enough to be cut."""
    folder = tmp_path_factory.mktemp("model")
    tiny_encoder(folder / "tiny", shape=Shape(layers=4, heads=4, width=128))
    trainer = registry.trainer("text-classification")
    backbone = trainer.backbones("tiny", base=folder)[0]
    recipe = Recipe(method="full", learning_rate=1e-3, epochs=20, batch_size=4)
    trainer.fit(backbone, recipe, ROWS, folder / "model", base=folder, seed=0, progress=lambda _done: None)
    return folder / "model"


class Like:
    """A pass that is like another one until it is applied."""

    def __init__(self, honest: Pass) -> None:
        self.honest = honest
        self.stage, self.role, self.trains = honest.stage, honest.role, honest.trains

    def applies(self, artefact: Artefact, context: Context) -> str:
        return self.honest.applies(artefact, context)

    def choices(self, artefact: Artefact, context: Context) -> Sequence[Options]:
        return self.honest.choices(artefact, context)

    def seconds(self, artefact: Artefact, options: Options, context: Context) -> float:
        return self.honest.seconds(artefact, options, context)


def context(made: dict[str, Path], into: Path) -> Context:
    return context_for(ROWS, into / "unused", teacher=made["model whole"])


def test_the_registered_passes_are_those_of_the_list() -> None:
    assert registry.names("passes") == PASSES


@pytest.mark.parametrize("name", GRAPH_PASSES)
def test_pass_passes_the_exam(name: str, exported: dict[str, Path], tmp_path: Path) -> None:
    check_pass(name, load(name), Artefact("graph", exported["whole"]), ROWS, folder=tmp_path)


@pytest.mark.parametrize("name", CUTS)
def test_a_cut_passes_the_exam(name: str, model: Path, tmp_path: Path) -> None:
    check_pass(name, load(name), Artefact("model", model), ROWS, folder=tmp_path, near=NEAR_OF_CUTS)


def test_cuts_compose_and_are_not_made_unasked(model: Path, tmp_path: Path) -> None:
    trainer, made = registry.trainer("text-classification"), Artefact("model", model)
    for name in CUTS:
        made = check_pass(name, load(name), made, ROWS, folder=tmp_path / name, near=NEAR_OF_CUTS)
    trainer.export(made.folder, tmp_path / "bundle", product="x", lineage=())
    assert (
        load("vocabulary-trim").applies(
            Artefact("graph", tmp_path / "bundle"), context_for(ROWS, tmp_path, teacher=model)
        )
        == "only 19 tokens"
    )
    standard = tuple(item.name for item in registered_passes() if item.works.role == "standard")
    assert standard == ("int8", "int8-embeddings")
    assert tuple(item.name for item in registered_passes()) == ORDER


@pytest.mark.parametrize("name", CUTS)
def test_a_static_model_is_not_cut(name: str, exported: dict[str, Path], tmp_path: Path) -> None:
    static = Artefact("model", exported["model static"])
    assert "'marketfit-static'" in load(name).applies(static, context(exported, tmp_path))


def test_the_exam_fails_a_pass_on_models_that_changes_the_answers(model: Path, tmp_path: Path) -> None:
    honest = load("layer-drop")

    class Ruinous(Like):
        def apply(self, artefact: Artefact, options: Options, context: Context) -> Artefact:
            made = honest.apply(artefact, options, context)
            tensors = load_file(made.folder / "model.safetensors")
            tensors["head.bias"] += np.array([9.0, -9.0], dtype=np.float32)
            save_file(tensors, made.folder / "model.safetensors")
            return made

    start = Artefact("model", model)
    with pytest.raises(AssertionError, match="probabilities moved"):
        check_pass("ruinous", Ruinous(honest), start, ROWS, folder=tmp_path, near=NEAR_OF_CUTS)


def test_distil_passes_the_exam(exported: dict[str, Path], tmp_path: Path) -> None:
    teacher, cut = exported["model whole"], Artefact("model", exported["model 1"])
    check_pass("distil", load("distil"), cut, ROWS, folder=tmp_path, teacher=teacher, options=SHORT)
    assert (
        load("distil").applies(Artefact("model", teacher), context(exported, tmp_path))
        == "the model is its own teacher"
    )


def test_static_passes_the_exam_and_is_compressed_on(exported: dict[str, Path], tmp_path: Path) -> None:
    whole = Artefact("model", exported["model whole"])
    made = check_pass(
        "static", load("static"), whole, ROWS, folder=tmp_path, options={**SHORT, "pairs": 9}, near=NEAR_OF_CUTS
    )
    assert load("static").applies(made, context(exported, tmp_path)) == "the model is static"
    graph = Artefact("graph", tmp_path / "exported")
    check_pass("int8-embeddings", load("int8-embeddings"), graph, ROWS, folder=tmp_path / "int8")


@pytest.mark.parametrize(("name", "options"), [("static", {"pairs": -1}), ("distil", {"epochs": "many"})])
def test_options_that_are_refused(
    name: str, options: dict[str, int | str], exported: dict[str, Path], tmp_path: Path
) -> None:
    with pytest.raises(BriefError, match=next(iter(options))):
        load(name).apply(Artefact("model", exported["model 1"]), options, context(exported, tmp_path))


def test_the_exam_fails_a_pass_that_a_plan_can_not_use(exported: dict[str, Path], tmp_path: Path) -> None:
    works = Like(load("int8"))
    graph = Artefact("graph", exported["whole"])
    for name, value, told in (
        ("role", "magic", "its role"),
        ("role", "cut", "on models"),
        ("trains", True, "on models"),
    ):
        spoilt = Like(load("int8"))
        setattr(spoilt, name, value)
        with pytest.raises(AssertionError, match=told):
            check_plannable("spoilt", spoilt, graph, context(exported, tmp_path))
    works.choices = lambda _artefact, _context: ({}, {})  # type: ignore[method-assign]
    with pytest.raises(AssertionError, match="the same"):
        check_plannable("spoilt", works, graph, context(exported, tmp_path))


def test_passes_compose(exported: dict[str, Path], tmp_path: Path) -> None:
    first = check_pass("int8", load("int8"), Artefact("graph", exported["whole"]), ROWS, folder=tmp_path / "1")
    second = check_pass("int8-embeddings", load("int8-embeddings"), first, ROWS, folder=tmp_path / "2")
    assert size_mb(second.folder) < size_mb(first.folder)


def test_a_static_model_has_no_products_but_a_table(exported: dict[str, Path], tmp_path: Path) -> None:
    static = Artefact("graph", exported["static"])
    assert "weights are in matrix products" in load("int8").applies(static, context(exported, tmp_path))
    for name in TABLES:
        check_pass(name, load(name), static, ROWS, folder=tmp_path / name)


def test_a_pass_does_not_apply_twice(exported: dict[str, Path], tmp_path: Path) -> None:
    for name in GRAPH_PASSES:
        made = check_pass(name, load(name), Artefact("graph", exported["whole"]), ROWS, folder=tmp_path / name)
        assert load(name).applies(made, context(exported, tmp_path)), name


def test_the_exam_fails_a_pass_that_ruins_the_model(exported: dict[str, Path], tmp_path: Path) -> None:
    honest = load("int8-embeddings")

    class Ruinous(Like):
        def apply(self, artefact: Artefact, options: Options, context: Context) -> Artefact:
            made = honest.apply(artefact, options, context)
            write_spec(made.folder, replace(read_spec(made.folder), temperature=1e-3))
            return made

    with pytest.raises(AssertionError):
        check_pass("ruinous", Ruinous(honest), Artefact("graph", exported["whole"]), ROWS, folder=tmp_path)


def test_int8_embeddings_keep_the_features(exported: dict[str, Path], tmp_path: Path) -> None:
    made = check_pass(
        "int8-embeddings", load("int8-embeddings"), Artefact("graph", exported["whole"]), ROWS, folder=tmp_path
    )
    before, after = load_unsealed(exported["whole"]).embed(ROWS.inputs), load_unsealed(made.folder).embed(ROWS.inputs)
    assert float((before * after).sum(axis=1).min()) > 0.999
