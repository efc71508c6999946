"""Tokenizers: loading one from a source, token ids of texts, how long inputs may be."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from marketfit.tasks.text_classification.runtime import Preprocessor
from marketfit.tasks.text_classification.sources import Source, refused

# Attention costs the square of the length; long-context encoders are not worth that here unless asked to be.
_LONGEST = 512
_SHORTEST = 64  # a limit costs short requests nothing, and production texts are longer than the longest seen


def load_tokenizer(source: Source) -> Tokenizer:
    """The source's tokenizer without padding or truncation.

    Raises:
        BriefError: transformers can't make a fast tokenizer from its files.
    """
    path = source.folder / "tokenizer.json"
    if path.is_file():
        tokenizer = Tokenizer.from_file(str(path))
    else:
        from transformers import AutoTokenizer

        slow = AutoTokenizer.from_pretrained(source.folder, use_fast=True)
        if not slow.is_fast:
            raise refused(source.name, "it has no fast tokenizer", "a folder with tokenizer.json")
        tokenizer = Tokenizer.from_str(slow.backend_tokenizer.to_str())
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def preprocessor(source: Source, tokenizer: Tokenizer, *, static: bool, max_length: int) -> Preprocessor:
    """The preprocessor of a source's models. A static model reads no start and end marks."""
    pad = source.config.get("pad_token_id")
    pad_id = pad if isinstance(pad, int) else 0
    unknown = _unknown_id(tokenizer)
    return Preprocessor(
        max_length=max_length,
        pad_id=pad_id,
        empty_id=pad_id if unknown is None else unknown,
        unknown_id=unknown,
        special_tokens=not static,
    )


def token_ids(tokenizer: Tokenizer, texts: Sequence[str], how: Preprocessor) -> list[list[int]]:
    """Token ids of each text, cut to the limit; a text without tokens is one `empty_id`."""
    tokenizer.enable_truncation(how.max_length)
    encoded = tokenizer.encode_batch_fast(list(texts), add_special_tokens=how.special_tokens)
    tokenizer.no_truncation()
    return [encoding.ids or [how.empty_id] for encoding in encoded]


def positions(source: Source) -> int:
    """How many tokens the model can read."""
    limit = source.config.get("max_position_embeddings")
    if not isinstance(limit, int):
        return _LONGEST
    if source.config["model_type"] in ("roberta", "xlm-roberta", "camembert", "mpnet"):
        pad = source.config.get("pad_token_id", 1)
        limit -= (pad if isinstance(pad, int) else 1) + 1
    return min(limit, _LONGEST)


def max_length(lengths: Sequence[int], *, limit: int) -> int:
    """The 99.9 % quantile of the lengths, rounded up to a multiple of 8, within what the model can read.

    >>> max_length([100] * 999 + [4000], limit=512), max_length([5], limit=512)
    (104, 64)
    """
    longest = float(np.quantile(np.asarray(lengths), 0.999, method="lower"))
    return min(limit, max(_SHORTEST, 8 * int(np.ceil(longest / 8))))


def save_tokenizer(tokenizer: Tokenizer, folder: Path) -> None:
    """Write tokenizer.json without padding or truncation: the runtime sets both."""
    tokenizer.no_padding()
    tokenizer.no_truncation()
    (folder / "tokenizer.json").write_text(tokenizer.to_str(), encoding="utf-8")


def _unknown_id(tokenizer: Tokenizer) -> int | None:
    model = json.loads(tokenizer.to_str())["model"]
    name = model.get("unk_token")
    if isinstance(name, str):
        return tokenizer.token_to_id(name)
    number = model.get("unk_id")
    return number if isinstance(number, int) else None
