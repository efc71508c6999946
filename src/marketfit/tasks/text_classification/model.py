"""The torch model and the model folder that it is kept in.

A model folder holds `model.safetensors`, `config.json` (the encoder's), `tokenizer.json`, and `marketfit.json`
(`Card`): labels, preprocessor, lineage. It has all that scoring, export and model passes need. The weights are
`encoder.*` as transformers names them and `head.*`: `head.weight` (classes, dim) and `head.bias` read the unit-length
embedding, or, in a model that was adopted, what `head.dense.*` (dim, dim) and an activation make of the first token. An
adopted model of an architecture that we do not know is kept whole, under transformers' names: `whole.*`.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal, cast

import torch
import transformers
from pydantic import BaseModel, ConfigDict, JsonValue
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional

from marketfit.records.models import Backbone
from marketfit.task import FloatMatrix
from marketfit.tasks.text_classification.first_token import FirstToken
from marketfit.tasks.text_classification.runtime import Preprocessor
from marketfit.tasks.text_classification.sources import Source, refused
from marketfit.tasks.text_classification.static_encoder import StaticEncoder
from marketfit.tasks.text_classification.tokens import save_tokenizer
from marketfit.tasks.text_classification.weights import HEADS, HeadActivation, heads_of, layers_of, module_of

STATIC_TYPE = "marketfit-static"
_WEIGHTS = "model.safetensors"


class Card(BaseModel):
    """`marketfit.json` of a model folder.

    `pooling`: the head reads the unit-length mean over tokens, or the first token through a dense layer and an
    `activation`, or the model is kept whole and has a way of its own.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    labels: tuple[str, ...]
    preprocessor: Mapping[str, JsonValue]
    backbone: Backbone
    pooling: Literal["mean", "first", "own"] = "mean"
    activation: HeadActivation | None = None

    def how(self) -> Preprocessor:
        """The preprocessor."""
        return Preprocessor(**cast("Mapping[str, int]", self.preprocessor))  # type: ignore[arg-type]


class TextModel(nn.Module):
    """Encoder, pooling, linear head.

    The head reads `scale` × the unit-length mean over tokens, or what `first_token` makes of the encoder's output. In
    training the scale of a mean is √dim, so that each coordinate has about unit variance and one learning rate suits
    head and encoder; a saved head has it folded in. `watched` are layers of the encoder, from 1, whose means over
    tokens are told beside the answer.
    """

    def __init__(
        self, encoder: nn.Module, head: nn.Linear | None, *, scale: float, first_token: FirstToken | None = None
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = head
        self.scale = scale
        self.first_token = first_token
        self.watched: tuple[int, ...] = ()

    @property
    def classifies(self) -> bool:
        """Whether it gives logits."""
        return self.head is not None

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> dict[str, Tensor]:
        """`features` (b, dim), with a head `logits` (b, classes), and `layers` (b, watched, dim) of those watched."""
        watch = {"output_hidden_states": True} if self.watched else {}
        said = self.encoder(input_ids=input_ids, attention_mask=attention_mask, **watch)
        hidden = said.last_hidden_state
        with torch.autocast(device_type=hidden.device.type, enabled=False):
            mask = attention_mask.unsqueeze(-1).float()
            if self.first_token is None:
                pooled = features = functional.normalize((hidden.float() * mask).sum(dim=1), dim=-1)
            else:
                pooled = self.first_token(hidden.float())
                features = functional.normalize(pooled, dim=-1)
            outputs = {"features": features}
            if self.head is not None:
                outputs["logits"] = self.head(pooled * self.scale)
            return outputs | self._layers(said.hidden_states, mask)

    def _layers(self, states: Sequence[Tensor], mask: Tensor) -> dict[str, Tensor]:
        if not self.watched:
            return {}
        sums = [(states[layer].float() * mask).sum(dim=1) for layer in self.watched]
        return {"layers": torch.stack(sums, dim=1) / mask.sum(dim=1, keepdim=True)}


class WholeModel(TextModel):
    """A classifier of transformers as it is. Its features are the unit-length mean over tokens."""

    def __init__(self, whole: transformers.PreTrainedModel) -> None:
        super().__init__(whole.base_model, None, scale=1.0)
        self.whole = whole

    @property
    def classifies(self) -> bool:
        """It gives logits without a head of ours."""
        return True

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> dict[str, Tensor]:
        """See `TextModel.forward`."""
        said = self.whole(input_ids=input_ids, attention_mask=attention_mask, output_hidden_states=True)
        mask = attention_mask.unsqueeze(-1).float()
        features = functional.normalize((said.hidden_states[-1].float() * mask).sum(dim=1), dim=-1)
        return {"features": features, "logits": said.logits.float(), **self._layers(said.hidden_states, mask)}


def load_encoder(source: Source, *, layers: int | None) -> nn.Module:
    """The source's encoder in float32, with its first layers only where `layers` is given.

    Raises:
        BriefError: transformers can't load it, or the files lack a tensor of it.
    """
    config = transformers.AutoConfig.from_pretrained(source.folder)
    if layers is not None:
        config.num_hidden_layers = layers
    with quietly():
        try:
            encoder, loaded = transformers.AutoModel.from_pretrained(
                source.folder, config=config, dtype=torch.float32, use_safetensors=True, output_loading_info=True
            )
        except (OSError, ValueError) as error:
            raise refused(source.name, str(error).splitlines()[0], "an encoder that transformers loads") from error
    missing = [name for name in loaded["missing_keys"] if not name.startswith("pooler.")]
    if missing:
        raise refused(source.name, f"its weights lack {', '.join(sorted(missing)[:5])}", "a whole encoder")
    return without_pooler(encoder).eval()


def width(encoder: nn.Module) -> int:
    """Dimensions of an encoder's output."""
    return int(cast("int", config_of(encoder)["hidden_size"]))


def without_pooler(encoder: nn.Module) -> nn.Module:
    """Drop BERT's pooler: we pool ourselves."""
    if hasattr(encoder, "pooler"):
        encoder.pooler = None  # type: ignore[assignment]  # transformers' own way of having none
    return encoder


def pad(rows: Sequence[Sequence[int]], pad_id: int) -> dict[str, Tensor]:
    """`input_ids` and `attention_mask`, int64 (b, longest), padded on the right."""
    longest = max(len(row) for row in rows)
    ids = torch.full((len(rows), longest), pad_id, dtype=torch.int64)
    mask = torch.zeros_like(ids)
    for line, row in enumerate(rows):
        ids[line, : len(row)] = torch.tensor(row, dtype=torch.int64)
        mask[line, : len(row)] = 1
    return {"input_ids": ids, "attention_mask": mask}


def save_model(model: TextModel, card: Card, tokenizer: Tokenizer, into: Path) -> None:
    """Write a model folder."""
    into.mkdir(parents=True, exist_ok=True)
    tensors = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in _tensors(model).items()}
    save_file(tensors, into / _WEIGHTS)
    config = config_of(model.whole if isinstance(model, WholeModel) else model.encoder)
    (into / "config.json").write_text(json.dumps(config, indent=1, sort_keys=True), encoding="utf-8")
    (into / "marketfit.json").write_text(card.model_dump_json(indent=1), encoding="utf-8")
    save_tokenizer(tokenizer, into)


def _tensors(model: TextModel) -> dict[str, Tensor]:
    if isinstance(model, WholeModel):
        return _named("whole", model.whole)
    tensors = _named("encoder", model.encoder)
    if model.head is not None:
        tensors |= {"head.weight": model.head.weight * model.scale, "head.bias": model.head.bias}
    return tensors | (_named("head", model.first_token) if model.first_token is not None else {})


def _named(prefix: str, module: nn.Module) -> dict[str, Tensor]:
    return {f"{prefix}.{name}": tensor for name, tensor in module.state_dict().items()}


def load_model(folder: Path) -> tuple[TextModel, Card]:
    """Read a model folder back."""
    card = Card.model_validate_json((folder / "marketfit.json").read_text(encoding="utf-8"))
    tensors = load_file(folder / _WEIGHTS)
    if card.pooling == "own":
        whole = transformers.AutoModelForSequenceClassification.from_config(
            transformers.AutoConfig.from_pretrained(folder), dtype=torch.float32
        )
        whole.load_state_dict(_part(tensors, "whole"))
        return WholeModel(whole).eval(), card
    encoder = _encoder_of(folder, _part(tensors, "encoder"))
    head = nn.Linear(tensors["head.weight"].shape[1], tensors["head.weight"].shape[0])
    head.load_state_dict({"weight": tensors["head.weight"], "bias": tensors["head.bias"]})
    first = None
    if card.activation is not None:
        first = FirstToken(tensors["head.dense.weight"].shape[1], card.activation)
        first.load_state_dict(_part(tensors, "head", only="dense."))
    return TextModel(encoder, head, scale=1.0, first_token=first).eval(), card


def _part(tensors: Mapping[str, Tensor], prefix: str, *, only: str = "") -> dict[str, Tensor]:
    start = f"{prefix}.{only}"
    return {name.removeprefix(f"{prefix}."): tensor for name, tensor in tensors.items() if name.startswith(start)}


def is_static(folder: Path) -> bool:
    """Whether a model folder holds a static model."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    return bool(config["model_type"] == STATIC_TYPE)


def encoder_arrays(encoder: nn.Module) -> dict[str, FloatMatrix]:
    """An encoder's state as float32 arrays."""
    return {name: tensor.detach().cpu().float().numpy() for name, tensor in encoder.state_dict().items()
            if tensor.is_floating_point()}  # fmt: skip


def _encoder_of(folder: Path, state: Mapping[str, Tensor]) -> nn.Module:
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    if config["model_type"] == STATIC_TYPE:
        return StaticEncoder(
            state["word.weight"],
            padding=config["pad_token_id"],
            pairs=state.get("pairs"),
            pair_table=state.get("pair.weight"),
        )
    encoder = without_pooler(transformers.AutoModel.from_config(transformers.AutoConfig.from_pretrained(folder)))
    if HEADS in config:
        narrow_attention(encoder, config)
    encoder.load_state_dict(state)
    return encoder


def narrow_attention(encoder: nn.Module, config: Mapping[str, JsonValue]) -> None:
    """Give each layer projections for the heads that the configuration says, in place; the weights come later."""
    for layer, heads in enumerate(heads_of(config, layers=len(encoder.get_submodule(layers_of(config))))):  # type: ignore[arg-type]
        query = module_of(config, layer, "attention.query")
        attention = encoder.get_submodule(query.rpartition(".")[0])
        inner = heads * int(cast("int", attention.attention_head_size))
        for part in ("attention.query", "attention.key", "attention.value"):
            _replace(encoder, module_of(config, layer, part), outputs=inner)
        _replace(encoder, module_of(config, layer, "attention.out"), inputs=inner)


def _replace(encoder: nn.Module, name: str, *, inputs: int | None = None, outputs: int | None = None) -> None:
    old = cast("nn.Linear", encoder.get_submodule(name))
    encoder.set_submodule(name, nn.Linear(inputs or old.in_features, outputs or old.out_features))


def config_of(encoder: nn.Module) -> Mapping[str, JsonValue]:
    """An encoder's configuration as JSON, without what belongs to the place where it was loaded."""
    if isinstance(encoder, StaticEncoder):
        rows, dim = encoder.word.weight.shape
        return {
            "model_type": STATIC_TYPE,
            "vocab_size": rows,
            "hidden_size": dim,
            "pad_token_id": encoder.padding,
            "pairs": len(encoder.listed),
        }
    config = cast("transformers.PreTrainedModel", encoder).config.to_dict()
    return {name: value for name, value in config.items() if not name.startswith("_")}


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """Keep transformers' bars, and its report on unused weights (a cut model has them by design), off the screen."""
    level, bars = transformers.logging.get_verbosity(), transformers.logging.is_progress_bar_enabled()
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    try:
        yield
    finally:
        transformers.logging.set_verbosity(level)
        if bars:
            transformers.logging.enable_progress_bar()
