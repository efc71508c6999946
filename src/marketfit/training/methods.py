"""Tuning methods that change a model's structure for training and give it back afterwards."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import cast

import peft
import transformers
from torch import nn

from marketfit.errors import RunError

# The names that transformers' encoders give to the four projections of attention.
_PROJECTIONS = ("query", "key", "value", "q_lin", "k_lin", "v_lin", "out_lin", "q", "k", "v", "o")


def with_dropout(model: nn.Module, probability: float) -> None:
    """Set the probability of every dropout layer."""
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = probability


def attention_projections(encoder: nn.Module) -> Sequence[str]:
    """Full names of the linear maps of attention, its output among them."""
    return [
        name
        for name, module in encoder.named_modules()
        if isinstance(module, nn.Linear)
        and (name.rpartition(".")[2] in _PROJECTIONS or name.endswith("attention.output.dense"))
    ]


def with_lora(encoder: nn.Module, *, rank: int, dropout: float) -> peft.PeftModel:
    """Freeze an encoder and add low-rank updates to its attention projections (Hu et al. 2021).

    Raises:
        RunError: the encoder has no attention projection that we know.
    """
    targets = attention_projections(encoder)
    if not targets:
        raise RunError("LoRA finds no attention projection in this encoder; use the methods probe or full")
    config = peft.LoraConfig(r=rank, lora_alpha=2 * rank, lora_dropout=dropout, target_modules=list(targets))
    with warnings.catch_warnings():
        # peft 0.21 asks for a property that transformers 5.23 calls deprecated: nothing that a user could do about.
        warnings.filterwarnings("ignore", message=".*is_gradient_checkpointing", category=FutureWarning)
        return peft.PeftModel(cast("transformers.PreTrainedModel", encoder), config)


def merged(lora: peft.PeftModel) -> nn.Module:
    """Fold the updates into the weights: a plain encoder again."""
    return cast("nn.Module", lora.merge_and_unload(safe_merge=True))
