"""What layers, heads and neurons of a text model are worth: measured for layers, to first order for the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional

from marketfit.task import FloatVector, Importance, Labelled, Progress
from marketfit.tasks.text_classification.fitting import outputs_of, texts_of
from marketfit.tasks.text_classification.model import TextModel, config_of, load_model, pad
from marketfit.tasks.text_classification.runtime import Preprocessor, by_length
from marketfit.tasks.text_classification.tokens import token_ids
from marketfit.tasks.text_classification.weights import heads_of, layers_of, module_of
from marketfit.training.loop import Tensors


@dataclass(frozen=True, eq=False)
class _Loaded:
    model: TextModel
    how: Preprocessor
    ids: list[list[int]]
    layers: nn.ModuleList


def losses(folder: Path, rows: Labelled, without: Sequence[Sequence[int]], *, progress: Progress) -> tuple[float, ...]:
    """Mean log-loss without each set of layers. See `Surgeon.losses`."""
    loaded, found = _load(folder, rows), []
    for number, dropped in enumerate(without, start=1):
        with _without(loaded, dropped):
            logits = outputs_of(loaded.model, loaded.ids, loaded.how)["logits"]
        loss = functional.cross_entropy(torch.from_numpy(logits), torch.from_numpy(rows.targets))
        found.append(float(loss))
        progress(number / len(without))
    return tuple(found)


def importance(folder: Path, rows: Labelled, *, progress: Progress) -> Importance:
    """Scores of heads and neurons. See `Surgeon.importance`.

    A part's score is the mean over rows of |Σ a·∂loss/∂a|, summed over the row's tokens and the part's values a: what
    the loss of the row would change by, to first order, were the part gone. For heads that is Michel, Levy & Neubig
    (2019), with a the head's context vectors; for neurons Molchanov et al. (2017), with a the activations.
    """
    loaded = _load(folder, rows)
    config, layers = config_of(loaded.model.encoder), range(len(loaded.layers))
    readers = [module_of(config, layer, part) for part in ("attention.out", "ffn.out") for layer in layers]
    groups = [*heads_of(config, layers=len(layers)), *(None for _layer in layers)]
    sums: list[FloatVector] = [np.zeros(1) for _reader in readers]
    done = 0
    for numbers in by_length([len(row) for row in loaded.ids]):
        batch = pad([loaded.ids[row] for row in numbers], loaded.how.pad_id)
        found = _effects(loaded.model, readers, batch, torch.from_numpy(rows.targets[numbers]))
        for at, (effects, count) in enumerate(zip(found, groups, strict=True)):
            parts = effects if count is None else effects.reshape(len(numbers), count, -1).sum(dim=2)
            sums[at] = sums[at] + parts.abs().sum(dim=0).double().numpy()
        done += len(numbers)
        progress(done / len(rows))
    means = [total / max(1, len(rows)) for total in sums]
    return Importance(heads=tuple(means[: len(layers)]), neurons=tuple(means[len(layers) :]))


def _effects(model: TextModel, readers: Sequence[str], batch: Tensors, targets: Tensor) -> list[Tensor]:
    """For what each of these linear modules reads, Σ over tokens of a·∂loss/∂a: (rows, values) each.

    The losses of the rows are added up, so that each row's gradient is its own. Padding adds nothing: no loss depends
    on it.
    """
    read: dict[str, Tensor] = {}

    def keep(name: str) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
        def hook(_module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            read[name] = inputs[0]

        return hook

    hooks = [model.encoder.get_submodule(name).register_forward_pre_hook(keep(name)) for name in readers]
    try:
        loss = functional.cross_entropy(model(**batch)["logits"], targets, reduction="sum")
    finally:
        for hook in hooks:
            hook.remove()
    values = [read[name] for name in readers]
    slopes = torch.autograd.grad(loss, values)
    return [(value.detach() * slope).sum(dim=1) for value, slope in zip(values, slopes, strict=True)]


def _load(folder: Path, rows: Labelled) -> _Loaded:
    model, card = load_model(folder)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    layers = model.encoder.get_submodule(layers_of(config_of(model.encoder)))
    ids = token_ids(tokenizer, texts_of(rows), card.how())
    return _Loaded(model, card.how(), ids, cast("nn.ModuleList", layers))


@contextmanager
def _without(loaded: _Loaded, dropped: Sequence[int]) -> Iterator[None]:
    """The model with some layers left out, for a while."""
    config = config_of(loaded.model.encoder)
    kept = [layer for number, layer in enumerate(loaded.layers) if number not in dropped]
    loaded.model.encoder.set_submodule(layers_of(config), nn.ModuleList(kept))
    try:
        yield
    finally:
        loaded.model.encoder.set_submodule(layers_of(config), loaded.layers)
