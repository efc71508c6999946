"""Keys by which inputs are compared: equal but for case, and equal but for case and punctuation."""

from __future__ import annotations

import functools
import hashlib
import sys
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from marketfit.prepare.rows import Input

_APOSTROPHES = "'’ʼ＇`´"


@dataclass(frozen=True)
class Keys:
    """The keys of some inputs. `order` is a hash of the content: a choice by it does not depend on the file's order."""

    strict: list[str]
    loose: list[str]
    order: list[bytes]

    @classmethod
    def of(cls, inputs: Sequence[Input]) -> Keys:
        """The keys of normalised inputs."""
        return cls(
            strict=[strict_key(example) for example in inputs],
            loose=[loose_key(example) for example in inputs],
            order=[_hash(example) for example in inputs],
        )

    def take(self, indices: Sequence[int]) -> Keys:
        """The keys of these rows."""
        return Keys(
            strict=[self.strict[i] for i in indices],
            loose=[self.loose[i] for i in indices],
            order=[self.order[i] for i in indices],
        )


def strict_key(example: Input) -> str:
    """Case-folded text, or the digest of bytes. Two inputs with this key are the same question."""
    return hashlib.sha256(example).hexdigest() if isinstance(example, bytes) else example.casefold()


def loose_key(example: Input) -> str:
    """Without punctuation too (symbols and emoji stay). A text of punctuation only keeps it.

    >>> loose_key("What's up?"), loose_key("whats up"), loose_key("?!")
    ('whats up', 'whats up', '?!')
    """
    if isinstance(example, bytes):
        return strict_key(example)
    folded = example.casefold()
    return " ".join(folded.translate(_punctuation()).split()) or folded


@functools.cache
def _punctuation() -> Mapping[int, str]:
    table = {code: " " for code in range(sys.maxunicode + 1) if unicodedata.category(chr(code))[0] == "P"}
    return table | {ord(mark): "" for mark in _APOSTROPHES}


def _hash(example: Input) -> bytes:
    content = example if isinstance(example, bytes) else example.encode()
    return hashlib.blake2b(content, digest_size=16).digest()
