"""The light half: tokenizer and the engine that runs the graph, nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self, TypeGuard

import numpy as np
from numpy.typing import NDArray
from tokenizers import Encoding, Tokenizer

from marketfit.bundle.engines import device_here
from marketfit.errors import BundleError, DataError, Problem
from marketfit.records.bundle import BundleSpec, InputReport, SessionSettings
from marketfit.tasks.engines import Session, open_session
from marketfit.tasks.text_classification.words import Words, encoded

if TYPE_CHECKING:
    from marketfit.task import Example, Feed, FloatMatrix

_MOST_ROWS = 64
MOST_TOKENS = 4096
"""Of a batch that is computed at once."""

CACHED_TOKENS = 256
"""The same for each thread of a processor, whose caches are to hold what a layer makes. With one thread 256 give 3 to
17 % more rows a second than 512 and take 4 MB less (a static model 1 % more, or 8 % less at 128 tokens); with two
threads 512 give the most, 8 to 39 % more than 4,096. More threads than two were not measured."""


@dataclass(frozen=True)
class Preprocessor:
    """How text becomes token ids; the `preprocessor` part of a text bundle's spec.

    `special_tokens`: put the tokenizer's start and end marks around a text. `empty_id` stands for a text that has no
    tokens at all; `unknown_id` is None where every text can be spelt.
    """

    max_length: int
    pad_id: int
    empty_id: int
    unknown_id: int | None
    special_tokens: bool

    @classmethod
    def of(cls, spec: BundleSpec) -> Self:
        """Read it from a spec.

        Raises:
            BundleError: a field is missing or has the wrong type.
        """
        given = spec.preprocessor
        numbers = {name: given.get(name) for name in ("max_length", "pad_id", "empty_id")}
        unknown = given.get("unknown_id")
        special = given.get("special_tokens")
        found = {name: value for name, value in numbers.items() if isinstance(value, int)}
        if len(found) < len(numbers) or not (unknown is None or isinstance(unknown, int)) or type(special) is not bool:
            problem = Problem(
                "bundle.json: preprocessor",
                f"{dict(given)}",
                "max_length, pad_id, empty_id (integers), unknown_id (integer or null), special_tokens (boolean)",
                "write the bundle again",
            )
            raise BundleError([problem])
        return cls(**found, unknown_id=unknown, special_tokens=special)


@dataclass(frozen=True)
class TextRuntime:
    """Predicts with a text bundle. What it gives belongs to the caller. Calls from several threads at once are fine."""

    session: Session
    tokenizer: Tokenizer
    words: Words | None  # where tokens are found word by word
    preprocessor: Preprocessor
    inverse_temperature: float
    classes: int
    masked: bool  # whether the graph asks which tokens are padding
    most_tokens: int  # of a batch

    @classmethod
    def load(cls, folder: Path, spec: BundleSpec, *, session: SessionSettings) -> Self:
        """Open a bundle folder whose files were verified already.

        Raises:
            BundleError: the spec's preprocessor part is not one of text.
        """
        preprocessor = Preprocessor.of(spec)
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        tokenizer.no_padding()
        tokenizer.no_truncation()
        words = Words.of(tokenizer, max_length=preprocessor.max_length, special_tokens=preprocessor.special_tokens)
        tokenizer.enable_truncation(preprocessor.max_length)
        opened = open_session(folder / "model.onnx", session)
        cached = min(CACHED_TOKENS * session.threads, MOST_TOKENS)
        return cls(
            session=opened,
            tokenizer=tokenizer,
            words=words,
            preprocessor=preprocessor,
            inverse_temperature=1.0 / spec.temperature,
            classes=len(spec.labels),
            masked="attention_mask" in opened.inputs,
            most_tokens=cached if device_here(session.engine) == "cpu" else MOST_TOKENS,
        )

    def predict(self, examples: Sequence[Example]) -> FloatMatrix:
        """Class probabilities (n, classes), calibrated by the spec's temperature. Rows sum to one.

        Raises:
            DataError: an example is not a string; all such positions are named.
            BundleError: the bundle is headless.
        """
        if not self.classes:
            problem = Problem("bundle.json", "a headless bundle, which has no labels", "embed", "use a classifier")
            raise BundleError([problem])
        logits = self._run("logits", examples, width=self.classes)
        logits *= self.inverse_temperature
        logits -= logits.max(axis=1, keepdims=True)
        np.exp(logits, out=logits)
        logits /= logits.sum(axis=1, keepdims=True)
        return logits

    def embed(self, examples: Sequence[Example]) -> FloatMatrix:
        """One feature row per example (n, dim), of unit length: what the head reads.

        Raises:
            DataError: an example is not a string; all such positions are named.
        """
        return self._run("embedding", examples, width=self.session.width("embedding"))

    def inspect(self, examples: Sequence[Example]) -> InputReport:
        """Share of the tokens that are unknown, and of the examples that are longer than the model reads.

        Raises:
            DataError: an example is not a string; all such positions are named.
        """
        tokens = unknown = cut = 0
        for encoding in self._encode(checked_texts(examples)):
            tokens += encoding.special_tokens_mask.count(0)
            unknown += sum(token == self.preprocessor.unknown_id for token in encoding.ids)
            cut += bool(encoding.overflowing)
        return InputReport(unknown=unknown / max(1, tokens), truncated=cut / max(1, len(examples)))

    def _encode(self, texts: list[str]) -> list[Encoding]:
        return encoded(self.tokenizer, texts, special_tokens=self.preprocessor.special_tokens)

    def _ids(self, texts: list[str]) -> list[list[int]]:
        """Token ids of each text, of which there is at least one."""
        ids = self.words.ids(texts) if self.words else [encoding.ids for encoding in self._encode(texts)]
        return [row or [self.preprocessor.empty_id] for row in ids]

    def feeds(self, examples: Sequence[Example]) -> Iterator[Feed]:
        """Token ids, and masks where the graph asks for them, in batches of like length. See `marketfit.task.Feeder`.

        Raises:
            DataError: an example is not a string; all such positions are named.
        """
        for _rows, feed in self._batches(checked_texts(examples)):
            yield feed

    def _run(self, output: str, examples: Sequence[Example], *, width: int) -> FloatMatrix:
        texts = checked_texts(examples)
        if len(texts) == 1:
            return self.session.run(output, self._alone(texts[0]))
        result = np.empty((len(texts), width), dtype=np.float32)
        for rows, feed in self._batches(texts):
            result[rows] = self.session.run(output, feed)
        return result

    def _alone(self, text: str) -> Feed:
        """What the graph is given of the usual request: nothing to pad or to order, and a small graph is quick."""
        tokens = np.array(self._ids([text]), dtype=np.int32)
        return {"input_ids": tokens, "attention_mask": np.ones_like(tokens)} if self.masked else {"input_ids": tokens}

    def _batches(self, texts: list[str]) -> Iterator[tuple[list[int], Feed]]:
        """Row numbers and what the graph is given of them."""
        ids = self._ids(texts)
        for rows in by_length([len(row) for row in ids], tokens=self.most_tokens):
            longest = max(len(ids[row]) for row in rows)
            padding = [self.preprocessor.pad_id] * longest
            tokens = np.array([ids[row] + padding[len(ids[row]) :] for row in rows], dtype=np.int32)
            yield rows, self._feed(tokens, [len(ids[row]) for row in rows])

    def _feed(self, tokens: NDArray[np.int32], lengths: Sequence[int]) -> Feed:
        """Padded rows (n, tokens) of which `lengths` (n,) tokens are the text's."""
        if not self.masked:
            return {"input_ids": tokens}
        places = np.arange(tokens.shape[1], dtype=np.int32)
        return {
            "input_ids": tokens,
            "attention_mask": (places < np.array(lengths)[:, None]).astype(np.int32),
        }


def by_length(lengths: Sequence[int], *, tokens: int = MOST_TOKENS) -> Iterator[list[int]]:
    """Row numbers of batches of like length, bounded in rows and in tokens.

    >>> list(by_length([3, 9, 4]))
    [[0, 2, 1]]
    """
    batch: list[int] = []
    for row in sorted(range(len(lengths)), key=lengths.__getitem__):
        if batch and (len(batch) == _MOST_ROWS or (len(batch) + 1) * lengths[row] > tokens):
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch


def checked_texts(examples: Sequence[Example]) -> list[str]:
    texts = [example for example in examples if _is_text(example)]
    if len(texts) < len(examples):
        raise DataError(
            [
                Problem(f"example {position}", _name(example), "a string of Unicode text", "give the text itself")
                for position, example in enumerate(examples)
                if not _is_text(example)
            ]
        )
    return texts


def _is_text(example: Example) -> TypeGuard[str]:
    if not isinstance(example, str):
        return False
    try:
        example.encode()
    except UnicodeEncodeError:  # half of a surrogate pair, which JSON can carry and no tokenizer takes
        return False
    return True


def _name(example: Example) -> str:
    return "a string with half of a surrogate pair" if isinstance(example, str) else type(example).__name__
