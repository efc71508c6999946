"""Token ids of texts, word by word: a word that was met before keeps the ids it had.

The words of a market are few and come again: most words of a request were in requests before it. To look them up takes
a tenth of the tokenizer's time (3 of 22 µs for 9 words), and the tokenizer is a third of a static model's. The ids are
the tokenizer's own, every one: only tokenizers are taken whose tokens of a text are those of its words, whatever stands
beside them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import chain, islice
from types import NoneType
from typing import Self

from tokenizers import Encoding, Tokenizer
from tokenizers.normalizers import BertNormalizer, Lowercase
from tokenizers.pre_tokenizers import BertPreTokenizer, Whitespace, WhitespaceSplit
from tokenizers.processors import BertProcessing, RobertaProcessing, TemplateProcessing

MOST_WORDS = 8192
"""Kept at a time, about 2 MB. Where there are more all are forgotten: what is kept follows what is asked."""

LONGEST_WORD = 32
"""Of those that are kept, in characters: a text without spaces is one word and does not come again."""

_FEW = 4  # up to so many texts a loop costs less than the tokenizer's threads
_BY_CHARACTER = (NoneType, BertNormalizer, Lowercase)  # a character becomes the same whatever stands beyond a space
_APART = (BertPreTokenizer, Whitespace, WhitespaceSplit)  # no token of theirs goes over a space
_AROUND = (NoneType, BertProcessing, RobertaProcessing, TemplateProcessing)  # marks, before and after

Ids = tuple[int, ...]


class Words:
    """Gives the ids of texts. Calls from several threads at once are fine: a word has its ids whoever asks first."""

    def __init__(self, tokenizer: Tokenizer, *, before: Ids, after: Ids, most: int) -> None:
        """`before`, `after`: the marks around a text. `most`: ids between them."""
        self._tokenizer = tokenizer
        self._before = before
        self._after = after
        self._most = most
        self._known: dict[str, Ids] = {}

    @classmethod
    def of(cls, tokenizer: Tokenizer, *, max_length: int, special_tokens: bool) -> Self | None:
        """For a tokenizer without truncation. None where its tokens of a text may be others than those of the words."""
        if not _by_words(tokenizer):
            return None
        try:
            before, after = marks(tokenizer) if special_tokens else ([], [])
        except Exception:  # the tokenizer's own, which have no name, or no tokens: a text tells of it when it comes
            return None
        most = max_length - len(before) - len(after)
        return cls(tokenizer, before=tuple(before), after=tuple(after), most=most) if most > 0 else None

    def ids(self, texts: Sequence[str]) -> list[list[int]]:
        """The ids of each text, cut to the limit."""
        # The rest of a text beyond the limit is one word. A space alone parts words: nothing else is sure to be one.
        split = [text.split(" ", self._most) for text in texts]
        known = self._known  # another thread may add to it, and to forget it puts a new one in its place
        try:
            return [self._joined(words, known) for words in split]
        except KeyError:
            asked = set(chain.from_iterable(split))
        missing = asked.difference(known)
        if len(texts) == 1 and len(missing) > _FEW:  # one word a request is learnt, and the whole text costs less
            return [self._joined([texts[0]], self._learn([texts[0], missing.pop()]))]
        known = {word: known[word] for word in asked - missing} | self._learn(missing)
        return [self._joined(words, known) for words in split]

    def _joined(self, words: Sequence[str], known: Mapping[str, Ids]) -> list[int]:
        pieces = chain.from_iterable(map(known.__getitem__, words))
        return [*self._before, *islice(pieces, self._most), *self._after]

    def _learn(self, words: Collection[str]) -> dict[str, Ids]:
        asked = list(words)
        encodings = encoded(self._tokenizer, asked, special_tokens=False)
        fresh = {word: tuple(encoding.ids) for word, encoding in zip(asked, encodings, strict=True)}
        worth = (word for word in asked if len(word) <= LONGEST_WORD and " " not in word)
        kept = {word: fresh[word] for word in islice(worth, MOST_WORDS)}
        if len(self._known) + len(kept) > MOST_WORDS:
            self._known = {}
        self._known.update(kept)
        return fresh


def encoded(tokenizer: Tokenizer, texts: Sequence[str], *, special_tokens: bool) -> list[Encoding]:
    """What a tokenizer makes of texts, but for the places of tokens: to count those takes more than half of the time.

    >>> from tokenizers.models import WordLevel
    >>> [found.ids for found in encoded(Tokenizer(WordLevel({"a": 3}, unk_token="a")), ["a"], special_tokens=False)]
    [[3]]
    """
    encode = tokenizer.encode_batch_fast
    if len(texts) <= _FEW:
        return [encode([text], add_special_tokens=special_tokens)[0] for text in texts]
    return encode([*texts], add_special_tokens=special_tokens)


def marks(tokenizer: Tokenizer) -> tuple[list[int], list[int]]:
    """The ids that are put before and after a text."""
    encoding = tokenizer.encode("a", add_special_tokens=True)
    special = encoding.special_tokens_mask
    first = special.index(0)
    last = len(special) - special[::-1].index(0)
    return encoding.ids[:first], encoding.ids[last:]


def _by_words(tokenizer: Tokenizer) -> bool:
    """Whether the tokens of a text are those of what lies between its spaces, in the same order."""
    return (
        isinstance(tokenizer.normalizer, _BY_CHARACTER)
        and isinstance(tokenizer.pre_tokenizer, _APART)
        and isinstance(tokenizer.post_processor, _AROUND)
        and not getattr(tokenizer.model, "dropout", None)  # which gives a word other tokens each time
        and not any(
            # Found in the text before it is taken apart, these look at what is beside them.
            token.lstrip or token.rstrip or token.single_word or " " in token.content
            for token in tokenizer.get_added_tokens_decoder().values()
        )
    )
