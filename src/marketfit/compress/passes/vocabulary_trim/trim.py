"""A tokenizer with fewer tokens, and how faithful it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tokenizers import Tokenizer

from marketfit.compress.passes.vocabulary_trim.choice import kept_ids
from marketfit.compress.passes.vocabulary_trim.fidelity import Trim, hold_out, measure_fidelity
from marketfit.compress.passes.vocabulary_trim.vocabulary import read_vocabulary, restricted
from marketfit.compress.passes.vocabulary_trim.wishes import Wishes


@dataclass(frozen=True, eq=False)
class Trimmed:
    """A trimmed tokenizer. `rows`: the old id of each new one; `renumbered`: the other way round."""

    tokenizer: Tokenizer
    rows: tuple[int, ...]
    renumbered: Mapping[int, int]
    report: Trim


def trim(
    tokenizer: Tokenizer, texts: Sequence[str], wishes: Wishes, *, special: Mapping[str, int], seed: int
) -> Trimmed:
    """Choose tokens by nine tenths of the texts and measure on the others.

    `special`: ids that a preprocessor names (`pad_id`, `unknown_id`, …); they stay, even if they are no token's.
    """
    chosen_by, held_out = hold_out(texts, seed=seed)
    vocabulary = read_vocabulary(tokenizer)
    tokens = set(vocabulary.ids.values())
    kept = kept_ids(vocabulary, chosen_by, wishes) | (tokens & set(special.values()))
    smaller = restricted(vocabulary, kept)
    rows = (*sorted(kept), *sorted(set(special.values()) - tokens))
    renumbered = {old: new for new, old in enumerate(rows)}
    fidelity = measure_fidelity(
        vocabulary.tokenizer, smaller, held_out, renumbered=renumbered, unknown=special.get("unknown_id")
    )
    return Trimmed(smaller, rows, renumbered, Trim(len(tokens), len(kept), fidelity))
