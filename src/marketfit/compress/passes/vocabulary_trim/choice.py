"""Which tokens stay.

Always: added and special tokens; the pieces without which something could become unknown; every token of the training
texts and of the user's keep-list; and what any of these is merged from. Then, of the tokens written in the wanted
scripts only, the most frequent ones as the tokenizer ranks them, up to a share of them or a size of the vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from marketfit.compress.passes.vocabulary_trim.scripts import scripts_for, scripts_in_use, scripts_of
from marketfit.compress.passes.vocabulary_trim.vocabulary import Vocabulary, comes_out
from marketfit.compress.passes.vocabulary_trim.wishes import Wishes

_IN_USE = 1e-3
"""A script is in use where it writes at least so much of the letters; the tokens of a rarer one stay if seen."""


def kept_ids(vocabulary: Vocabulary, texts: Sequence[str], wishes: Wishes) -> frozenset[int]:
    """Ids of all tokens that stay."""
    names = {number: token for token, number in vocabulary.ids.items()}
    base = (vocabulary.ids[token] for token in vocabulary.pieces.base() if _comes_out(vocabulary, token))
    kept: set[int] = set()
    for number in {*vocabulary.fixed, *base, *seen_ids(vocabulary, [*texts, *wishes.keep])}:
        kept |= _with_parts(vocabulary, names[number])
    scripts = scripts_for(wishes.languages) if wishes.languages else scripts_in_use(texts, least=_IN_USE)
    others = [
        number for number in vocabulary.order if number not in kept and _is_wanted(vocabulary, names[number], scripts)
    ]
    most = len(names) if wishes.size is None else wishes.size
    for number in others[: round(wishes.share * len(others))]:
        new = _with_parts(vocabulary, names[number]) - kept
        if len(kept) + len(new) > most:
            break
        kept |= new
    return frozenset(kept)


def seen_ids(vocabulary: Vocabulary, texts: Iterable[str]) -> frozenset[int]:
    """Ids of all tokens of some texts."""
    encoded = vocabulary.tokenizer.encode_batch_fast(list(texts), add_special_tokens=True)
    return frozenset(number for encoding in encoded for number in encoding.ids)


def _with_parts(vocabulary: Vocabulary, token: str) -> set[int]:
    parts = {token} | vocabulary.pieces.parts(token)
    return {vocabulary.ids[part] for part in parts if part in vocabulary.ids}


def _comes_out(vocabulary: Vocabulary, token: str) -> bool:
    text = vocabulary.pieces.surface(token)
    return text is None or comes_out(vocabulary, text)


def _is_wanted(vocabulary: Vocabulary, token: str, scripts: frozenset[str]) -> bool:
    text = vocabulary.pieces.surface(token)
    return text is None or (scripts_of(text) <= scripts and comes_out(vocabulary, text))
