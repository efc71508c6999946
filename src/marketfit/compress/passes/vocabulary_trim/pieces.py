"""What a trim has to know of the three kinds of tokenizer: WordPiece, BPE and Unigram.

Each kind says what must stay so that no text loses what it could spell (`base`), what else a token needs to come about
(`parts`), how a token reads (`surface`), and how its part of tokenizer.json looks with fewer tokens (`restricted`).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol, cast

from pydantic import JsonValue

Ids = Mapping[str, int]
Json = Mapping[str, JsonValue]

_BYTE = re.compile(r"<0x[0-9A-F]{2}>")
_SPACE = "▁"  # what SentencePiece writes for a space


class Pieces(Protocol):
    """One kind of tokenizer model. Tokens are strings as tokenizer.json has them."""

    def base(self) -> frozenset[str]:
        """Tokens without which a text could become unknown that was known."""
        ...

    def parts(self, token: str) -> frozenset[str]:
        """Tokens that the tokenizer goes through on its way to this one."""
        ...

    def surface(self, token: str) -> str | None:
        """The text of a token; None where its bytes are no text by themselves."""
        ...

    def restricted(self, ids: Ids) -> Json:
        """The model with these tokens under these ids only."""
        ...


@dataclass(frozen=True, eq=False)
class WordPiece:
    """The longest piece first, from the left. What was the longest stays so when others go."""

    model: Json

    def base(self) -> frozenset[str]:
        """Single characters, and tokens with a character that has no token of its own."""
        vocabulary = _vocabulary(self.model)
        prefix = str(self.model["continuing_subword_prefix"])
        return frozenset(token for token in vocabulary if not _spelt(token, vocabulary, prefix=prefix))

    def parts(self, token: str) -> frozenset[str]:  # noqa: ARG002 - as the protocol has it
        """None: every piece is looked up by itself."""
        return frozenset()

    def surface(self, token: str) -> str | None:
        """Without the mark of a piece that continues a word."""
        return token.removeprefix(str(self.model["continuing_subword_prefix"]))

    def restricted(self, ids: Ids) -> Json:
        """Fewer words."""
        return {**self.model, "vocab": dict(ids)}


@dataclass(frozen=True, eq=False)
class Unigram:
    """The segmentation with the largest sum of scores. The best stays the best when others go.

    An unknown character scores ten less than the worst piece, so one worst piece stays as well.
    """

    model: Json

    def base(self) -> frozenset[str]:
        """Single characters, bytes, one piece of the lowest score, pieces with a character that has no piece."""
        scores = self._scores()
        worst = min(scores, key=lambda piece: scores[piece])
        return frozenset({worst, *(piece for piece in scores if not _spelt(piece, scores, prefix=""))})

    def parts(self, token: str) -> frozenset[str]:  # noqa: ARG002 - as the protocol has it
        """None: every piece is looked up by itself."""
        return frozenset()

    def surface(self, token: str) -> str | None:
        """With spaces as spaces."""
        return token.replace(_SPACE, " ")

    def restricted(self, ids: Ids) -> Json:
        """Fewer pieces, with their scores, at the place that is their id."""
        scores = self._scores()
        pieces: list[JsonValue] = [[piece, scores[piece]] for piece in sorted(ids, key=lambda piece: ids[piece])]
        unknown = self.model.get("unk_id")
        if isinstance(unknown, int):
            unknown = ids[list(scores)[unknown]]
        return {**self.model, "vocab": pieces, "unk_id": unknown}

    def _scores(self) -> Mapping[str, float]:
        return dict(cast("Sequence[tuple[str, float]]", self.model["vocab"]))


class BytePair:
    """Pairs merged in the order of their rank, within a word.

    What is merged inside a token does not depend on what stands around it (a merge across its border would have made
    another token), so the tokens on the way to it are those of the token alone.
    """

    def __init__(self, model: Json, *, of_bytes: bool) -> None:
        self._model = model
        self._of_bytes = of_bytes
        self._prefix = str(model.get("continuing_subword_prefix") or "")
        self._suffix = str(model.get("end_of_word_suffix") or "")
        self._merges = [_pair(merge) for merge in cast("Sequence[JsonValue]", model["merges"])]
        self._ranks = {pair: rank for rank, pair in enumerate(self._merges)}

    def base(self) -> frozenset[str]:
        """Symbols that no merge makes, bytes, and tokens with a symbol that has no token."""
        vocabulary = _vocabulary(self._model)
        return frozenset(
            token
            for token in vocabulary
            if _BYTE.fullmatch(token)
            or len(symbols := self._symbols(token)) == 1
            or any(symbol not in vocabulary for symbol in symbols)
        )

    def parts(self, token: str) -> frozenset[str]:
        """All that is merged on the way from the token's symbols to itself."""
        symbols = self._symbols(token)
        found = set(symbols)
        while len(symbols) > 1:
            pairs = list(pairwise(symbols))
            best = min(range(len(pairs)), key=lambda at: self._ranks.get(pairs[at], len(self._merges)))
            if pairs[best] not in self._ranks:
                break  # no merge leads there: it comes about only as a whole word, if the model takes those
            symbols = [*symbols[:best], self._product(pairs[best]), *symbols[best + 2 :]]
            found.add(symbols[best])
        return frozenset(found - {token})

    def surface(self, token: str) -> str | None:
        """Bytes as text, spaces as spaces."""
        text = token.removeprefix(self._prefix).removesuffix(self._suffix) if len(token) > 1 else token
        return _decoded(text) if self._of_bytes else text.replace(_SPACE, " ")

    def restricted(self, ids: Ids) -> Json:
        """Fewer tokens, and the merges between them in the old order."""
        merges: list[JsonValue] = [[*pair] for pair in self._merges if {*pair, self._product(pair)} <= ids.keys()]
        return {**self._model, "vocab": dict(ids), "merges": merges}

    def _symbols(self, token: str) -> list[str]:
        """What the model starts from: characters, all but the first with the prefix, the last with the suffix."""
        ends = bool(self._suffix) and token.endswith(self._suffix) and token != self._suffix
        starts = bool(self._prefix) and token.startswith(self._prefix) and token != self._prefix
        text = token[len(self._prefix) if starts else 0 : -len(self._suffix) if ends else None]
        symbols = [
            character if not at and not starts else self._prefix + character for at, character in enumerate(text)
        ]
        if ends:
            symbols[-1] += self._suffix
        return symbols

    def _product(self, pair: tuple[str, str]) -> str:
        return pair[0] + pair[1].removeprefix(self._prefix)


def _vocabulary(model: Json) -> Ids:
    return cast("Ids", model["vocab"])


def _pair(merge: JsonValue) -> tuple[str, str]:
    """Older files write a merge as "a b", newer ones as ["a", "b"]."""
    left, right = merge.split(" ") if isinstance(merge, str) else cast("Sequence[str]", merge)
    return left, right


def _spelt(token: str, vocabulary: Collection[str], *, prefix: str) -> bool:
    """Whether smaller tokens can spell a token: one for each of its characters, and more than one."""
    text = token.removeprefix(prefix) if len(token) > len(prefix) else token
    if _BYTE.fullmatch(token) or len(text) == 1:
        return False
    first = text[0] if text == token else prefix + text[0]
    return first in vocabulary and all(prefix + character in vocabulary for character in text[1:])


def _byte_alphabet() -> Mapping[str, int]:
    """Character → byte of the alphabet in which GPT-2's tokenizer writes bytes (Radford et al. 2019)."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {chr(256 + at): byte for at, byte in enumerate(others)}


_BYTES = _byte_alphabet()


def _decoded(token: str) -> str | None:
    """The text of a token of bytes; a character that is cut off at its end is completed with any last bytes."""
    if any(character not in _BYTES for character in token):
        return token
    content = bytes(_BYTES[character] for character in token).lstrip(bytes(range(0x80, 0xC0)))
    for completed in range(4):
        try:
            return (content + b"\x80" * completed).decode() or None
        except UnicodeDecodeError:
            continue
    return None
