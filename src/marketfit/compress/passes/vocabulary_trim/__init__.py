"""vocabulary-trim: a smaller vocabulary, and as many rows fewer in the table of word vectors.

Works for WordPiece, BPE and Unigram tokenizers and any graph that only looks token ids up. A text all of whose tokens
stay keeps exactly its tokens, and the answers to it are the same bit for bit: the longest piece stays the longest, the
merges that were made are still there and still come first, the best segmentation is still the best. Another text
is spelt in smaller tokens; nothing that was known becomes unknown, since all single characters and bytes stay.

What stays is told in `choice`. Scripts can't tell two languages apart that share one: `languages: [en]` keeps the
French pieces of a multilingual vocabulary.

The line that joins the lineage says how many held-out texts keep their tokens, and the share of unknown tokens before
and after; `trim` gives the same as a record.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from pydantic import JsonValue
from tokenizers import Tokenizer

from marketfit.bundle import read_spec, write_spec
from marketfit.compress.passes import Artefact, Context, Options, Role, Stage, Untrained
from marketfit.compress.passes.graph_file import read_graph, rewrite
from marketfit.compress.passes.vocabulary_trim.fidelity import Fidelity, Trim
from marketfit.compress.passes.vocabulary_trim.table import cut_tables
from marketfit.compress.passes.vocabulary_trim.table import obstacle as obstacle_of_table
from marketfit.compress.passes.vocabulary_trim.trim import Trimmed, trim
from marketfit.compress.passes.vocabulary_trim.vocabulary import obstacle as obstacle_of_tokenizer
from marketfit.compress.passes.vocabulary_trim.wishes import NAME, Wishes, wishes_of
from marketfit.errors import DataError, Problem

__all__ = ["Fidelity", "Trim", "Trimmed", "VocabularyTrim", "Wishes", "trim"]

_FILE = "tokenizer.json"
_SMALLEST = 1000  # tokens; a smaller table is not worth it
_LINE = "vocabulary "  # how the lineage of a trimmed bundle tells it


class VocabularyTrim(Untrained):
    """Fewer tokens. Options `keep`, `languages`, and `share` or `size`; see `Wishes`."""

    stage: Stage = "graph"
    role: Role = "rewrite"  # it costs a tenth of a point

    def applies(self, artefact: Artefact, context: Context) -> str:  # noqa: ARG002 - as the protocol has it
        """It needs a tokenizer of 1,000 tokens or more, of a kind that spells, and a graph that only looks ids up."""
        if not (artefact.folder / _FILE).is_file():
            return f"no {_FILE}"
        if any(line.startswith(_LINE) for line in read_spec(artefact.folder).lineage):
            return "the vocabulary was trimmed before"
        tokenizer = Tokenizer.from_file(str(artefact.folder / _FILE))
        tokens = tokenizer.get_vocab_size(with_added_tokens=True)
        if tokens < _SMALLEST:
            return f"only {tokens:,} tokens"
        return obstacle_of_tokenizer(tokenizer) or obstacle_of_table(read_graph(artefact), tokens=tokens)

    def choices(self, artefact: Artefact, context: Context) -> Sequence[Options]:  # noqa: ARG002 - as the protocol has it
        """Half of the tokens that need not stay, or a tenth of them."""
        return ({}, {"share": 0.1})

    def apply(self, artefact: Artefact, options: Options, context: Context) -> Artefact:
        """Choose tokens by nine tenths of the training texts, measure on the rest, write both files and the spec.

        Raises:
            BriefError: an option that it does not take, or a value that it can't be.
            DataError: the training rows are no texts.
        """
        wishes = wishes_of(options)
        texts = [row for row in context.inputs if isinstance(row, str)]
        if len(texts) < len(context.inputs):
            found = f"{len(context.inputs) - len(texts):,} training rows that are no text"
            raise DataError([Problem(f"pass {NAME}", found, "texts", "leave this pass out")])
        special = _special_ids(read_spec(artefact.folder).preprocessor)
        tokenizer = Tokenizer.from_file(str(artefact.folder / _FILE))
        made = trim(tokenizer, texts, wishes, special=special, seed=context.seed)
        context.progress(0.5)
        result = rewrite(
            artefact,
            context.into,
            step=made.report.words(),
            change=lambda before, after: cut_tables(before, after, rows=made.rows),
        )
        (context.into / _FILE).write_text(made.tokenizer.to_str(), encoding="utf-8")
        moved = {name: made.renumbered[number] for name, number in special.items()}
        spec = read_spec(context.into)
        write_spec(context.into, replace(spec, preprocessor={**spec.preprocessor, **moved}))
        context.progress(1.0)
        return result


def _special_ids(preprocessor: Mapping[str, JsonValue]) -> dict[str, int]:
    """The token ids that a preprocessor names: `pad_id` and the like."""
    return {name: value for name, value in preprocessor.items() if name.endswith("_id") and isinstance(value, int)}
