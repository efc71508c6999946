"""layer-drop and width-prune choose what was planted, keep what was asked for, and refuse the rest."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load_file

from marketfit import registry
from marketfit.compress.passes import Artefact, Context, Options
from marketfit.compress.passes.cuts import ROWS as MOST
from marketfit.compress.passes.cuts import sampled
from marketfit.compress.passes.layer_drop import LayerDrop, least_missed
from marketfit.compress.passes.width_prune import WidthPrune, best_heads, width_of
from marketfit.errors import BriefError, RunError
from marketfit.records.models import Recipe
from marketfit.task import Anatomy, FloatMatrix, Labelled
from marketfit.testing.encoders import WORDS, Shape, tiny_encoder, with_weights
from marketfit.testing.passes import context_for

ROWS = Labelled(
    inputs=[f"{first} the {second}" for first in WORDS[:4] for second in WORDS[4:9]],
    targets=np.arange(20) // 10,
    labels=("a", "b"),
)
LAYER = "encoder.encoder.layer.{}."


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    tiny_encoder(folder / "tiny", shape=Shape(layers=4, heads=4, width=128))
    trainer = registry.trainer("text-classification")
    backbone = trainer.backbones("tiny", base=folder)[0]
    recipe = Recipe(method="full", learning_rate=3e-3, epochs=40, batch_size=4)
    trainer.fit(backbone, recipe, ROWS, folder / "model", base=folder, seed=0, progress=lambda _done: None)
    return folder / "model"


def anatomy(folder: Path) -> Anatomy:
    return registry.surgeon("text-classification").anatomy(folder)


def context(into: Path, rows: Labelled = ROWS) -> Context:
    return context_for(rows, into, teacher=into)


def changed(model: Path, into: Path, change: Callable[[dict[str, FloatMatrix]], None]) -> Artefact:
    return Artefact("model", with_weights(model, into, change))


@pytest.mark.parametrize("planted", [0, 1, 3])
def test_the_layer_that_does_nothing_goes_first(planted: int, model: Path, tmp_path: Path) -> None:
    """Without what it adds, a layer of the residual stream only normalises what is normalised already."""

    def silence(tensors: dict[str, FloatMatrix]) -> None:
        before = LAYER.format(planted - 1) + "output." if planted else "encoder.embeddings."
        for part in ("attention.output.", "output."):
            name = LAYER.format(planted) + part
            for tensor in ("dense.weight", "dense.bias"):
                tensors[name + tensor][:] = 0.0
            for norm in ("LayerNorm.weight", "LayerNorm.bias"):
                tensors[before + norm][:] = 1.0 if norm.endswith("weight") else 0.0
                tensors[name + norm][:] = tensors[before + norm]

    start = changed(model, tmp_path / "start", silence)
    made = LayerDrop().apply(start, {"layers": 3}, context(tmp_path / "made"))
    trainer = registry.trainer("text-classification")
    before, after = (trainer.scores(one.folder, ROWS.inputs, progress=lambda _d: None) for one in (start, made))
    assert np.abs(before - after).max() < 1e-3
    old, new = (load_file(one.folder / "model.safetensors") for one in (start, made))
    left = [layer for layer in range(4) if layer != planted]
    for place, layer in enumerate(left):
        name = "attention.self.query.weight"
        assert np.array_equal(new[LAYER.format(place) + name], old[LAYER.format(layer) + name])


def test_half_of_the_layers_stay_unless_more_are_asked_for(model: Path, tmp_path: Path) -> None:
    works, start = LayerDrop(), Artefact("model", model)
    half = works.apply(start, {}, context(tmp_path / "half"))
    assert len(anatomy(half.folder).heads) == 2
    one = works.apply(start, {"layers": 1}, context(tmp_path / "one"))
    assert works.applies(one, context(tmp_path)) == "one layer is all that it has"


@given(worth=st.lists(st.floats(0, 10), min_size=2, max_size=7, unique=True), data=st.data())
def test_where_layers_do_not_interact_the_worthiest_stay(worth: list[float], data: st.DataObject) -> None:
    stay = data.draw(st.integers(1, len(worth) - 1))
    asked: list[int] = []

    def losses(without: list[tuple[int, ...]]) -> tuple[float, ...]:
        asked.append(len(without))
        return tuple(sum(worth[layer] for layer in dropped) for dropped in without)

    rounds = least_missed(len(worth), stay, losses)
    assert [found.layer for found in rounds] == np.argsort(worth)[: len(worth) - stay].tolist()
    assert asked == list(range(len(worth), stay, -1))


def test_planted_dead_heads_and_neurons_go(model: Path, tmp_path: Path) -> None:
    dead_heads = {0: [1, 2, 3], 2: [0], 3: [1, 2]}  # 6 of 16; the others decide about two more
    dead = {layer: np.random.default_rng(layer).permutation(128)[:64] for layer in range(4)}

    def kill(tensors: dict[str, FloatMatrix]) -> None:
        for layer, heads in dead_heads.items():
            out = tensors[LAYER.format(layer) + "attention.output.dense.weight"]
            for head in heads:
                out[:, 8 * head : 8 * head + 8] = 0.0
        for layer, neurons in dead.items():
            tensors[LAYER.format(layer) + "output.dense.weight"][:, neurons] = 0.0

    start = changed(model, tmp_path / "start", kill)
    made = WidthPrune().apply(start, {"heads": 10 / 16, "width": 0.5}, context(tmp_path / "made"))
    assert anatomy(made.folder).heads == (1, 4, 3, 2)
    assert anatomy(made.folder).widths == (64,) * 4
    trainer = registry.trainer("text-classification")
    before, after = (trainer.scores(one.folder, ROWS.inputs, progress=lambda _d: None) for one in (start, made))
    assert np.abs(before - after).max() < 1e-3


def test_importance_beats_the_reverse(model: Path, tmp_path: Path) -> None:
    """On a model that tells its rows apart, what importance keeps loses less than what it would drop."""
    surgeon = registry.surgeon("text-classification")
    found = surgeon.importance(model, ROWS, progress=lambda _done: None)
    from marketfit.task import Kept

    losses = []
    for name, sign in (("best", -1), ("worst", 1)):
        neurons = tuple(tuple(np.sort(np.argsort(sign * layer)[:32]).tolist()) for layer in found.neurons)
        surgeon.cut(model, Kept(tuple(range(4)), ((0, 1, 2, 3),) * 4, neurons), tmp_path / name)
        losses += surgeon.losses(tmp_path / name, ROWS, [()], progress=lambda _done: None)
    assert losses[0] < losses[1]


@given(
    scores=st.lists(st.lists(st.floats(0, 1), min_size=1, max_size=5).map(np.array), min_size=1, max_size=5),
    share=st.floats(0.01, 1),
)
def test_every_layer_keeps_a_head_and_all_together_the_share(scores: list[np.ndarray], share: float) -> None:
    kept = best_heads(scores, share=share)
    total = sum(len(layer) for layer in scores)
    assert all(heads and set(heads) <= set(range(len(layer))) for heads, layer in zip(kept, scores, strict=True))
    assert sum(map(len, kept)) == max(len(scores), round(share * total))


@given(width=st.integers(1, 4096), share=st.floats(0.001, 1), multiple=st.sampled_from([1, 8, 64]))
def test_widths_are_multiples_that_the_model_has(width: int, share: float, multiple: int) -> None:
    found = width_of(width, share=share, multiple=multiple)
    assert 0 < found <= width
    assert found % multiple == 0 or found == width


def test_rows_are_sampled_by_the_seed() -> None:
    many = Labelled([f"text {row}" for row in range(2000)], np.arange(2000) % 3, ("a", "b", "c"))
    drawn = sampled(context(Path("unused"), many))
    assert len(drawn) == MOST == len(set(drawn.inputs))
    assert all(
        int(str(text).split()[1]) % 3 == target for text, target in zip(drawn.inputs, drawn.targets, strict=True)
    )
    assert sampled(context(Path("unused"), many)).inputs == drawn.inputs
    assert list(sampled(context(Path("unused"))).inputs) == list(ROWS.inputs)


@pytest.mark.parametrize(
    ("works", "options", "said"),
    [
        (LayerDrop(), {"layers": 4}, "a number from 1 to 3"),
        (LayerDrop(), {"layers": True}, "a number from 1 to 3"),
        (LayerDrop(), {"layer": 1}, "did you mean 'layers'"),
        (WidthPrune(), {"heads": 0, "width": 2, "multiple": 0}, "3 problems"),
        (WidthPrune(), {"widths": 0.5}, "did you mean 'width'"),
    ],
)
def test_options_that_are_refused(
    works: LayerDrop | WidthPrune, options: Options, said: str, model: Path, tmp_path: Path
) -> None:
    with pytest.raises(BriefError, match=said):
        works.apply(Artefact("model", model), options, context(tmp_path / "made"))


def test_models_that_no_surgeon_knows(model: Path, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "mpnet"}')
    for works in (LayerDrop(), WidthPrune()):
        assert "text-classification: a 'mpnet' model" in works.applies(Artefact("model", tmp_path), context(tmp_path))
        assert works.applies(Artefact("model", model), context(tmp_path)) == ""
        with pytest.raises(RunError, match="mpnet"):
            works.apply(Artefact("model", tmp_path), {}, context(tmp_path / "made"))
