"""Ids found word by word are the tokenizer's own, and only tokenizers where that is sure are taken."""

from __future__ import annotations

import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers, processors

from marketfit.tasks.text_classification import words as module
from marketfit.tasks.text_classification.words import Words

PIECES = (
    "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b", "e", "card", "##s", "##ed", "##a", "##b", "A", "Card", "?",
    "!", "'", "s", "-", "é", "ß", "ss", "σ", "ς", "##σ", "##ς", "中", "国", "##国", "1", "##1", ".", "[", "]",
)  # fmt: skip
# Characters where rules of normalisation, of spaces, of punctuation and of added tokens meet.
ODD = (
    *PIECES, " ", "  ", "\t", "\n", "\r", "\x00", "\x1c", "\x1f", "\x7f", "\x85", "\xa0", "\u00ad", "\u0301", "\u0345",
    "\u200b", "\u200d", "\u2028", "\u3000", "\ufb01", "\ufffd", "İ", "I", "ı", "ΑΣ", "e\u0301", "가", "🙂",
    "cards", "carded", "x" * 101, "<sep>", "zz",
)  # fmt: skip
TEXT = st.lists(st.sampled_from(ODD) | st.text(max_size=3), max_size=12).map("".join).filter(
    lambda text: not any("\ud800" <= letter <= "\udfff" for letter in text)
)  # fmt: skip


def bert(*, lowercase: bool = True, accents: bool | None = None) -> Tokenizer:
    numbers = {piece: number for number, piece in enumerate(PIECES)}
    made = Tokenizer(models.WordPiece(numbers, unk_token="[UNK]"))
    made.normalizer = normalizers.BertNormalizer(lowercase=lowercase, strip_accents=accents)
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", numbers["[CLS]"]), ("[SEP]", numbers["[SEP]"])]
    )
    made.add_special_tokens(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"])
    made.add_tokens([AddedToken("<sep>", normalized=True), AddedToken("zz", normalized=True)])
    return made


def cased() -> Tokenizer:
    made = bert(lowercase=False, accents=False)
    made.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return made


def spelt() -> Tokenizer:
    """Words of a table, in small letters."""
    made = Tokenizer(models.WordLevel({piece: number for number, piece in enumerate(PIECES)}, unk_token="[UNK]"))
    made.normalizer, made.pre_tokenizer = normalizers.Lowercase(), pre_tokenizers.Whitespace()
    return made


def merged() -> Tokenizer:
    """Pairs of letters within a word."""
    made = Tokenizer(models.BPE({"a": 0, "b": 1, "ab": 2, "aab": 3}, [("a", "b"), ("a", "ab")]))
    made.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return made


def own(tokenizer: Tokenizer, text: str, *, most: int, special: bool) -> list[int]:
    """What the tokenizer itself says, the slow and plain way."""
    tokenizer.enable_truncation(most)
    ids: list[int] = tokenizer.encode(text, add_special_tokens=special).ids
    tokenizer.no_truncation()
    return ids


@pytest.mark.parametrize("make", [bert, cased, spelt, merged])
@given(texts=st.lists(TEXT, min_size=1, max_size=8), most=st.integers(3, 20), special=st.booleans())
def test_the_ids_are_the_tokenizers_own(
    make: Callable[[], Tokenizer], texts: list[str], most: int, special: bool
) -> None:
    tokenizer = make()
    words = Words.of(tokenizer, max_length=most, special_tokens=special)
    assert words is not None
    right = [own(tokenizer, text, most=most, special=special) for text in texts]
    tokenizer.enable_truncation(most)
    assert [words.ids([text])[0] for text in texts] == right  # some words met before, some not
    assert words.ids(texts) == right  # all met before
    assert Words.of(make(), max_length=most, special_tokens=special).ids(texts) == right  # type: ignore[union-attr]


def test_what_is_kept_has_a_bound_and_what_is_forgotten_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_WORDS", 3)
    tokenizer = bert()
    words = Words.of(tokenizer, max_length=16, special_tokens=True)
    assert words is not None
    for text in ("a b card", "cards carded", "card a", "a b card cards carded e", "b", "x" * 40, "x" * 40):
        assert words.ids([text, text]) == 2 * [own(tokenizer, text, most=16, special=True)]
        assert len(words._known) <= 3
        assert all(len(word) <= module.LONGEST_WORD for word in words._known)


def test_words_met_before_are_not_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    words = Words.of(bert(), max_length=16, special_tokens=True)
    assert words is not None
    first = words.ids(["a card", "b  card"])
    monkeypatch.setattr(module, "encoded", lambda *_, **__: pytest.fail("the tokenizer was asked"))
    assert words.ids(["b  card"]) == first[1:]
    assert words.ids(["a card"]) == first[:1]


def test_threads_that_make_each_other_forget_get_the_right_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_WORDS", 4)
    tokenizer = bert()
    texts = [" ".join(PIECES[number : number + 4]) for number in range(len(PIECES))]
    right = {text: own(tokenizer, text, most=32, special=True) for text in texts}
    words = Words.of(tokenizer, max_length=32, special_tokens=True)
    assert words is not None

    def ask(start: int) -> bool:
        turned = texts[start:] + texts[:start]
        return all(words.ids([text]) == [right[text]] for text in 20 * turned)

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(4) as pool:
            assert all(pool.map(ask, range(4)))
    finally:
        sys.setswitchinterval(before)


def changed(**parts: object) -> Tokenizer:
    made = bert()
    for name, part in parts.items():
        setattr(made, name, part)
    return made


def with_token(token: AddedToken) -> Tokenizer:
    made = bert()
    made.add_tokens([token])
    return made


@pytest.mark.parametrize(
    "tokenizer",
    [
        changed(pre_tokenizer=pre_tokenizers.ByteLevel()),  # a word has another first token than the same word later
        changed(pre_tokenizer=pre_tokenizers.Metaspace()),
        changed(pre_tokenizer=None),
        changed(normalizer=normalizers.Replace(" a", "b")),  # looks over a space
        changed(normalizer=normalizers.Strip()),
        changed(post_processor=processors.Sequence([processors.ByteLevel()])),
        changed(model=models.BPE({"a": 0, "b": 1, "ab": 2}, [("a", "b")], dropout=0.5)),
        with_token(AddedToken("a card")),
        with_token(AddedToken("q", single_word=True)),
        with_token(AddedToken("q", lstrip=True)),
        with_token(AddedToken("q", rstrip=True)),
    ],
)
def test_a_tokenizer_whose_tokens_may_depend_on_what_is_beside_a_word_is_left_alone(tokenizer: Tokenizer) -> None:
    assert Words.of(tokenizer, max_length=16, special_tokens=False) is None


def test_no_room_between_the_marks_is_left_to_the_tokenizer() -> None:
    assert Words.of(bert(), max_length=2, special_tokens=True) is None
    assert Words.of(bert(), max_length=3, special_tokens=True) is not None


def test_a_tokenizer_that_cannot_spell_is_opened_all_the_same() -> None:
    made = bert()
    made.model = models.WordPiece({"[UNK]": 0, "b": 1}, unk_token="[NONE]")
    assert Words.of(made, max_length=16, special_tokens=True) is None
    made.model = models.BPE({"b": 0}, [])  # drops what it can't spell
    assert Words.of(made, max_length=16, special_tokens=True) is None
    assert Words.of(made, max_length=16, special_tokens=False).ids(["a b a"]) == [[0]]  # type: ignore[union-attr]
