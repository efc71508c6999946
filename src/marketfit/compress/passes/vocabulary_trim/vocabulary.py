"""Read the vocabulary of a tokenizer, and write the tokenizer with some of its tokens only."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import cast

from pydantic import JsonValue
from tokenizers import Tokenizer
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer

from marketfit.compress.passes.vocabulary_trim.pieces import BytePair, Json, Pieces, Unigram, WordPiece
from marketfit.errors import RunError

_KINDS = ("WordPiece", "BPE", "Unigram")


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """`ids`: token → id, added tokens included. `fixed`: ids of added, special and unknown tokens.

    `order`: ids of the other tokens, most frequent first as far as the tokenizer tells: by score for Unigram, by id
    for the others, whose trainers number tokens as they find them.
    """

    tokenizer: Tokenizer
    ids: Mapping[str, int]
    pieces: Pieces
    fixed: frozenset[int]
    order: tuple[int, ...]


def obstacle(tokenizer: Tokenizer) -> str:
    """Why a tokenizer can't be trimmed, or an empty string."""
    model = _model(_file(tokenizer))
    kind = model["type"]
    if kind not in _KINDS:
        return f"a {kind} tokenizer spells no word that it lacks in smaller tokens; {', '.join(_KINDS)} do"
    if model.get("dropout"):
        return "the tokenizer drops merges at random, so that no tokens of a text are the same twice"
    return ""


def read_vocabulary(tokenizer: Tokenizer) -> Vocabulary:
    """The vocabulary of a tokenizer that has no `obstacle`."""
    file = _file(tokenizer)
    model = _model(file)
    ids = tokenizer.get_vocab(with_added_tokens=True)
    fixed = {added["id"] for added in _added(file)} | set(_marks(file.get("post_processor")))
    fixed |= {ids[name] for name in (model.get("unk_token"),) if isinstance(name, str) and name in ids}
    fixed |= {number for number in (model.get("unk_id"),) if isinstance(number, int)}
    pieces: Pieces
    if model["type"] == "WordPiece":
        pieces = WordPiece(model)
    elif model["type"] == "Unigram":
        pieces = Unigram(model)
    else:
        parts = (file.get(part) for part in ("normalizer", "pre_tokenizer", "decoder"))
        pieces = BytePair(model, of_bytes=any('"ByteLevel"' in json.dumps(part) for part in parts))
    scores: Mapping[str, float] = {}
    if model["type"] == "Unigram":
        scores = dict(cast("list[tuple[str, float]]", model["vocab"]))
    order = sorted(ids, key=lambda token: (-scores.get(token, 0.0), ids[token]))
    return Vocabulary(tokenizer, ids, pieces, frozenset(cast("set[int]", fixed)), tuple(ids[token] for token in order))


def comes_out(vocabulary: Vocabulary, text: str) -> bool:
    """Whether a token that reads so can come out of any text, as far as we know.

    BERT's tokenizer never gives what it normalises otherwise or takes apart before: `[unused7]`, capitals in a
    vocabulary of small letters, several Chinese characters at once.
    """
    normalizer, splitter = vocabulary.tokenizer.normalizer, vocabulary.tokenizer.pre_tokenizer
    if not isinstance(normalizer, BertNormalizer) or not isinstance(splitter, BertPreTokenizer):
        return True
    # Spaces are put around Chinese characters.
    return normalizer.normalize_str(text).strip() == text and len(splitter.pre_tokenize_str(text)) == 1


def restricted(vocabulary: Vocabulary, kept: Collection[int]) -> Tokenizer:
    """The tokenizer with the kept tokens only, numbered in the order of their old ids.

    Raises:
        RunError: the library that reads it numbers the tokens otherwise.
    """
    renumbered = {old: new for new, old in enumerate(sorted(kept))}
    ids = {token: renumbered[old] for token, old in vocabulary.ids.items() if old in renumbered}
    file = dict(_file(vocabulary.tokenizer))
    inside = vocabulary.tokenizer.get_vocab(with_added_tokens=False)
    file["model"] = dict(vocabulary.pieces.restricted({token: new for token, new in ids.items() if token in inside}))
    file["added_tokens"] = [{**added, "id": renumbered[cast("int", added["id"])]} for added in _added(file)]
    file["post_processor"] = _with_marks(file.get("post_processor"), renumbered)
    tokenizer = Tokenizer.from_str(json.dumps(file, ensure_ascii=False))
    if tokenizer.get_vocab(with_added_tokens=True) != ids:
        raise RunError("the trimmed tokenizer numbers its tokens otherwise than was asked: trim another kind of it")
    return tokenizer


def _file(tokenizer: Tokenizer) -> Json:
    """tokenizer.json without padding and truncation, which the runtime sets."""
    return {**json.loads(tokenizer.to_str()), "padding": None, "truncation": None}


def _model(file: Json) -> Json:
    return cast("Json", file["model"])


def _added(file: Json) -> list[dict[str, JsonValue]]:
    return cast("list[dict[str, JsonValue]]", file["added_tokens"])


def _marks(part: JsonValue) -> Iterator[int]:
    """Ids in a post-processor: `ids` of a template, the second place of `sep` and `cls`, those of all in a sequence."""
    if not isinstance(part, dict):
        return
    for special in cast("Mapping[str, Mapping[str, list[int]]]", part.get("special_tokens") or {}).values():
        yield from special["ids"]
    for name in ("sep", "cls"):
        if name in part:
            yield cast("tuple[str, int]", part[name])[1]
    for inner in cast("list[JsonValue]", part.get("processors") or []):
        yield from _marks(inner)


def _with_marks(part: JsonValue, renumbered: Mapping[int, int]) -> JsonValue:
    if not isinstance(part, dict):
        return part
    made = dict(part)
    if "special_tokens" in made:
        specials = cast("Mapping[str, dict[str, JsonValue]]", made["special_tokens"])
        made["special_tokens"] = {
            name: {**special, "ids": [renumbered[number] for number in cast("list[int]", special["ids"])]}
            for name, special in specials.items()
        }
    for name in ("sep", "cls"):
        if name in made:
            token, number = cast("tuple[str, int]", made[name])
            made[name] = [token, renumbered[number]]
    if "processors" in made:
        made["processors"] = [_with_marks(inner, renumbered) for inner in cast("list[JsonValue]", made["processors"])]
    return made
