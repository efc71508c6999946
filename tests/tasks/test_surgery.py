"""Cut models: what they answer before and after export, what importance finds, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file

from marketfit import registry
from marketfit.bundle import load_unsealed
from marketfit.compress.passes import Artefact
from marketfit.compress.passes.int8 import Int8
from marketfit.records.models import Recipe
from marketfit.task import FloatMatrix, Kept, Labelled
from marketfit.testing.encoders import Shape, tiny_encoder, with_weights
from marketfit.testing.passes import context_for

FAMILIES = ("bert", "electra", "roberta", "xlm-roberta", "camembert", "distilbert")
SHAPE = Shape(layers=3, heads=4, width=24)
HEAD = 32 // SHAPE.heads
WHOLE = Kept(layers=(0, 1, 2), heads=((0, 1, 2, 3),) * 3, neurons=(tuple(range(24)),) * 3)
UNEVEN = Kept(layers=(0, 2), heads=((1, 3), (0, 1, 2)), neurons=(tuple(range(3, 19)), tuple(range(16))))


def quiet(_done: float) -> None:
    """No progress."""


Models = Callable[[str], Path]


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory, rows: Labelled) -> Models:
    """Family → a model folder of a tiny encoder with a probe."""
    folder = tmp_path_factory.mktemp("surgery")
    trainer = registry.trainer("text-classification")

    def model(kind: str) -> Path:
        made = folder / f"{kind}-model"
        if not made.exists():
            tiny_encoder(folder / kind, kind=kind, shape=SHAPE, seed=1)
            recipe = Recipe(method="probe", learning_rate=0, epochs=0, regularisation=0.1)
            backbone = trainer.backbones(kind, base=folder)[0]
            trainer.fit(backbone, recipe, rows, made, base=folder, seed=0, progress=quiet)
        return made

    return model


def scores(model: Path, rows: Labelled) -> FloatMatrix:
    return registry.trainer("text-classification").scores(model, rows.inputs, progress=quiet)


def test_the_registered_surgeons_are_those_of_the_list() -> None:
    assert registry.names("surgeons") == ("text-classification",)


@pytest.mark.parametrize("kind", FAMILIES)
def test_the_exported_cut_model_says_what_the_cut_model_says(
    kind: str, models: Models, rows: Labelled, tmp_path: Path
) -> None:
    surgeon, trainer = registry.surgeon("text-classification"), registry.trainer("text-classification")
    surgeon.cut(models(kind), UNEVEN, tmp_path / "cut")
    anatomy = surgeon.anatomy(tmp_path / "cut")
    assert (anatomy.heads, anatomy.widths, anatomy.head_dim) == ((2, 3), (16, 16), HEAD)
    trainer.export(tmp_path / "cut", tmp_path / "bundle", product="x", lineage=())
    logits = scores(tmp_path / "cut", rows)
    said = np.log(load_unsealed(tmp_path / "bundle").probabilities(rows.inputs))
    wanted = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    assert np.abs(said - wanted).max() < 1e-3
    assert np.abs(logits - scores(models(kind), rows)).max() > 1e-3


@pytest.mark.parametrize("kind", FAMILIES)
def test_the_cut_model_is_the_whole_one_with_parts_of_no_effect(
    kind: str, models: Models, rows: Labelled, tmp_path: Path
) -> None:
    """What is cut away is first made zero where it is read; then cutting it changes nothing."""

    def kill(tensors: dict[str, FloatMatrix]) -> None:
        for name, tensor in tensors.items():
            if name.endswith(("attention.output.dense.weight", "attention.out_lin.weight")):
                tensor[:, HEAD : 2 * HEAD] = 0.0
            elif name.endswith(("output.dense.weight", "ffn.lin2.weight")):
                tensor[:, 4:20] = 0.0

    dead = with_weights(models(kind), tmp_path / "dead", kill)
    kept = Kept(layers=(0, 1, 2), heads=((0, 2, 3),) * 3, neurons=((0, 1, 2, 3, 20, 21, 22, 23),) * 3)
    registry.surgeon("text-classification").cut(dead, kept, tmp_path / "cut")
    assert np.abs(scores(tmp_path / "cut", rows) - scores(dead, rows)).max() < 1e-4
    assert np.abs(scores(dead, rows) - scores(models(kind), rows)).max() > 1e-3


@given(data=st.data())
@settings(max_examples=10, deadline=None)
def test_importance_finds_dead_heads_and_neurons_whose_loss_changes_nothing(
    data: st.DataObject, models: Models, rows: Labelled, tmp_path_factory: pytest.TempPathFactory
) -> None:
    heads = data.draw(st.sets(st.tuples(st.integers(0, 2), st.integers(0, 3)), max_size=6))
    count = data.draw(st.integers(0, 6))
    dead_of = [data.draw(st.permutations(range(24)))[:count] for _layer in range(3)]
    neurons = {(layer, neuron) for layer, dead in enumerate(dead_of) for neuron in dead}

    def kill(tensors: dict[str, FloatMatrix]) -> None:
        for layer, head in heads:
            out = tensors[f"encoder.encoder.layer.{layer}.attention.output.dense.weight"]
            out[:, head * HEAD : (head + 1) * HEAD] = 0.0
        for layer, neuron in neurons:
            tensors[f"encoder.encoder.layer.{layer}.output.dense.weight"][:, neuron] = 0.0

    folder = tmp_path_factory.mktemp("dead")
    dead = with_weights(models("bert"), folder / "dead", kill)
    surgeon = registry.surgeon("text-classification")
    found = surgeon.importance(dead, rows, progress=quiet)
    assert {(at, part) for at, layer in enumerate(found.heads) for part in np.flatnonzero(layer == 0)} == heads
    assert {(at, part) for at, layer in enumerate(found.neurons) for part in np.flatnonzero(layer == 0)} == neurons
    kept = Kept(
        layers=(0, 1, 2),
        heads=tuple(tuple(head for head in range(4) if (at, head) not in heads) or (0,) for at in range(3)),
        neurons=tuple(tuple(neuron for neuron in range(24) if neuron not in dead) for dead in dead_of),
    )
    surgeon.cut(dead, kept, folder / "cut")
    assert np.abs(scores(folder / "cut", rows) - scores(dead, rows)).max() < 1e-4


def test_importance_is_the_change_of_the_loss_to_first_order(models: Models, rows: Labelled, tmp_path: Path) -> None:
    """Making a neuron's outgoing weights smaller by ε changes a row's loss by ε times what importance sums up."""
    surgeon = registry.surgeon("text-classification")
    one = Labelled(inputs=rows.inputs[:1], targets=rows.targets[:1], labels=rows.labels)
    found = surgeon.importance(models("bert"), one, progress=quiet)
    step = 1e-2
    changes = []
    for factor in (1 - step, 1 + step):

        def scale(tensors: dict[str, FloatMatrix], factor: float = factor) -> None:
            tensors["encoder.encoder.layer.1.output.dense.weight"][:, 5] *= factor

        model = with_weights(models("bert"), tmp_path / f"{factor}", scale)
        changes.append(surgeon.losses(model, one, [()], progress=quiet)[0])
    assert abs(changes[1] - changes[0]) / (2 * step) == pytest.approx(found.neurons[1][5], rel=0.1, abs=1e-5)


def test_importance_is_a_mean_of_sizes_over_rows(models: Models, rows: Labelled) -> None:
    surgeon = registry.surgeon("text-classification")
    alone = [
        surgeon.importance(
            models("distilbert"),
            Labelled(inputs=[rows.inputs[row]], targets=rows.targets[row : row + 1], labels=rows.labels),
            progress=quiet,
        )
        for row in range(len(rows))
    ]
    found = surgeon.importance(models("distilbert"), rows, progress=quiet)
    for part in ("heads", "neurons"):
        of_rows = np.array([getattr(one, part) for one in alone])
        assert of_rows.min() >= 0
        assert np.allclose(of_rows.mean(axis=0), getattr(found, part), rtol=1e-3, atol=1e-7)


def test_losses_are_those_of_the_cut_model(models: Models, rows: Labelled, tmp_path: Path) -> None:
    surgeon = registry.surgeon("text-classification")
    without = [(), (1,), (0, 2)]
    found = surgeon.losses(models("electra"), rows, without, progress=quiet)
    for number, dropped in enumerate(without):
        layers = tuple(layer for layer in range(3) if layer not in dropped)
        kept = Kept(layers, (WHOLE.heads[0],) * len(layers), (WHOLE.neurons[0],) * len(layers))
        surgeon.cut(models("electra"), kept, tmp_path / f"{number}")
        logits = scores(tmp_path / f"{number}", rows).astype(np.float64)
        chosen = (logits - np.log(np.exp(logits).sum(axis=1, keepdims=True)))[np.arange(len(rows)), rows.targets]
        assert found[number] == pytest.approx(-chosen.mean(), abs=1e-5)


def test_a_cut_model_is_cut_again_and_quantised(models: Models, rows: Labelled, tmp_path: Path) -> None:
    surgeon, trainer = registry.surgeon("text-classification"), registry.trainer("text-classification")
    surgeon.cut(models("bert"), UNEVEN, tmp_path / "cut")
    again = Kept(layers=(1,), heads=((0, 2),), neurons=(tuple(range(8)),))
    surgeon.cut(tmp_path / "cut", again, tmp_path / "again")
    straight = Kept(layers=(2,), heads=((0, 2),), neurons=(tuple(range(8)),))
    surgeon.cut(models("bert"), straight, tmp_path / "straight")
    names = sorted(file.name for file in (tmp_path / "again").iterdir())
    assert names == sorted(file.name for file in models("bert").iterdir())
    assert all(
        (tmp_path / "again" / name).read_bytes() == (tmp_path / "straight" / name).read_bytes() for name in names
    )
    trainer.export(tmp_path / "cut", tmp_path / "bundle", product="x", lineage=())
    context = context_for(rows, tmp_path / "int8", teacher=models("bert"))
    made = Int8().apply(Artefact("graph", tmp_path / "bundle"), {}, context)
    import onnx

    kinds = [node.op_type for node in onnx.load(str(made.folder / "model.onnx")).graph.node]
    assert kinds.count("QAttention") == 2
    before, after = (load_unsealed(folder).probabilities(rows.inputs) for folder in (tmp_path / "bundle", made.folder))
    assert np.abs(before - after).mean() < 0.1


def test_whole_models_stay_what_transformers_loads(models: Models, tmp_path: Path) -> None:
    import transformers

    kept = Kept(layers=(1, 2), heads=WHOLE.heads[:2], neurons=(tuple(range(8)),) * 2)
    registry.surgeon("text-classification").cut(models("distilbert"), kept, tmp_path / "cut")
    config = json.loads((tmp_path / "cut" / "config.json").read_text())
    assert "marketfit_heads" not in config
    encoder = transformers.AutoModel.from_config(transformers.AutoConfig.from_pretrained(tmp_path / "cut"))
    state = load_file(tmp_path / "cut" / "model.safetensors")
    wanted = {
        name.removeprefix("encoder."): array.shape for name, array in state.items() if name.startswith("encoder.")
    }
    assert {name: tuple(tensor.shape) for name, tensor in encoder.state_dict().items()} == wanted


@pytest.mark.parametrize(
    ("kept", "said"),
    [
        (Kept((), (), ()), "a layer at least"),
        (Kept((0, 3), ((0,), (0,)), ((0,), (0,))), "of 3"),
        (Kept((1, 0), ((0,), (0,)), ((0,), (0,))), "of 3"),
        (Kept((0, 1), ((0,), (0,)), ((0,), (0, 1))), "different feed-forward widths"),
        (Kept((0,), ((4,),), ((0,),)), "heads"),
        (Kept((0,), ((),), ((0,),)), "heads"),
        (Kept((0,), ((0,),), ((24,),)), "neurons"),
    ],
)
def test_impossible_cuts_are_refused(kept: Kept, said: str, models: Models, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=said):
        registry.surgeon("text-classification").cut(models("bert"), kept, tmp_path / "cut")
    assert not (tmp_path / "cut").exists()


def test_other_architectures_say_why_not(tmp_path: Path) -> None:
    surgeon = registry.surgeon("text-classification")
    assert surgeon.anatomy(tmp_path).obstacle == "no config.json"
    (tmp_path / "config.json").write_text('{"model_type": "mpnet"}')
    assert "'mpnet'" in surgeon.anatomy(tmp_path).obstacle
