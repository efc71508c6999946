"""Trimmed tokenizers: what stays, that texts of kept tokens keep them, and that nothing becomes unknown."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper, numpy_helper
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from marketfit import registry
from marketfit.bundle import load_unsealed, read_spec, write_spec
from marketfit.compress.passes import Artefact, Context, Options
from marketfit.compress.passes.int8_embeddings import Int8Embeddings
from marketfit.compress.passes.vocabulary_trim import Trimmed, VocabularyTrim, Wishes, trim
from marketfit.compress.passes.vocabulary_trim.vocabulary import obstacle
from marketfit.errors import BriefError, DataError
from marketfit.records.models import Recipe
from marketfit.task import Labelled
from marketfit.tasks.text_classification.sources import locate
from marketfit.testing.encoders import WORDS, tiny_encoder
from marketfit.testing.passes import context_for

TEXTS = (
    "transfer money to my savings account", "what is the weather in london tomorrow", "book a table for two people",
    "translate thank you into japanese", "please freeze my credit card immediately", "how do i reset my password",
    "the meeting was rescheduled to wednesday", "remind me to water the plants", "is it going to rain this weekend",
    "play something relaxing by norah jones", "cancel the reservation under my name", "increase the volume slightly",
)  # fmt: skip
CORPUS = (
    *TEXTS, "Straße und Brücke, über den Fluß", "Ответ на вопрос: сорок два", "東京の天気は晴れです",
    "🙂 emoji, too! 1234", "characters of byte tokens: <0x0123456789ABCDEF>",
)  # fmt: skip


@cache
def word_piece() -> Tokenizer:
    return _plain(Tokenizer.from_file(str(locate("minilm", base=Path()).folder / "tokenizer.json")))


@cache
def byte_level() -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer.train_from_iterator(
        CORPUS, trainers.BpeTrainer(vocab_size=520, special_tokens=["<s>", "</s>"], initial_alphabet=alphabet)
    )
    tokenizer.add_special_tokens(["<mask>"])  # after all others, outside of the model's own list
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 1), ("<s>", 0))
    return tokenizer


@cache
def byte_fallback() -> Tokenizer:
    """As Llama's: characters, and bytes for those that are no token."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.train_from_iterator(CORPUS, trainers.BpeTrainer(vocab_size=300, special_tokens=["<unk>"]))
    file = json.loads(tokenizer.to_str())
    names = [*file["model"]["vocab"], *(f"<0x{byte:02X}>" for byte in range(256))]
    file["model"] |= {"vocab": {name: number for number, name in enumerate(names)}, "byte_fallback": True}
    return Tokenizer.from_str(json.dumps(file))


@cache
def suffixed() -> Tokenizer:
    """As the first GPT's: the last symbol of a word is marked."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", end_of_word_suffix="</w>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    trainer = trainers.BpeTrainer(vocab_size=300, special_tokens=["<unk>"], end_of_word_suffix="</w>")
    tokenizer.train_from_iterator(CORPUS, trainer)
    return tokenizer


@cache
def unigram() -> Tokenizer:
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.train_from_iterator(
        CORPUS, trainers.UnigramTrainer(vocab_size=300, special_tokens=["<unk>"], unk_token="<unk>")
    )
    tokenizer.add_special_tokens(["<cls>", "<sep>"])
    marks = [(name, tokenizer.token_to_id(name)) for name in ("<cls>", "<sep>")]
    template = processors.TemplateProcessing(single="<cls> $A <sep>", special_tokens=marks)
    tokenizer.post_processor = processors.Sequence([template])
    return tokenizer


KINDS: dict[str, tuple[Callable[[], Tokenizer], str | None]] = {
    "WordPiece": (word_piece, "[UNK]"),
    "BPE of bytes": (byte_level, None),
    "BPE with bytes to fall back on": (byte_fallback, "<unk>"),
    "BPE with marked ends": (suffixed, "<unk>"),
    "Unigram": (unigram, "<unk>"),
}


@cache
def trimmed(kind: str, share: float = 0.0) -> tuple[Tokenizer, Trimmed]:
    tokenizer, unknown = KINDS[kind][0](), KINDS[kind][1]
    special = {} if unknown is None else {"unknown_id": tokenizer.token_to_id(unknown)}
    return tokenizer, trim(tokenizer, TEXTS[:6], Wishes(share=share), special=special, seed=0)


@st.composite
def texts(draw: st.DrawFn) -> str:
    """Words of the corpus, whole, cut and joined, and characters that nothing has ever seen."""
    words = st.sampled_from(sorted({word for text in CORPUS for word in text.split()}))
    parts = st.lists(st.one_of(words, words.map(lambda word: word[:4]), st.text(max_size=4)), max_size=8)
    return draw(st.sampled_from(["", " "])).join(draw(parts)) if draw(st.booleans()) else " ".join(draw(parts))


@pytest.mark.parametrize("kind", KINDS)
@given(text=texts(), share=st.sampled_from([0.0, 0.3]))
@settings(max_examples=150, deadline=None)
def test_texts_of_kept_tokens_keep_them_and_nothing_becomes_unknown(kind: str, text: str, share: float) -> None:
    tokenizer, made = trimmed(kind, share)
    before, after = tokenizer.encode(text), made.tokenizer.encode(text)
    if all(number in made.renumbered for number in before.ids):
        assert after.tokens == before.tokens
        assert after.ids == [made.renumbered[number] for number in before.ids]
    unknown = KINDS[kind][1]
    if unknown is not None and tokenizer.token_to_id(unknown) not in before.ids:
        assert made.tokenizer.token_to_id(unknown) not in after.ids


@pytest.mark.parametrize("kind", KINDS)
def test_seen_texts_keep_their_tokens_and_the_rest_goes(kind: str) -> None:
    tokenizer, made = trimmed(kind)
    assert made.report.after < made.report.before == tokenizer.get_vocab_size(with_added_tokens=True)
    assert made.tokenizer.get_vocab_size(with_added_tokens=True) == made.report.after == len(made.rows)
    for text in TEXTS[:6]:
        assert made.tokenizer.encode(text).tokens == tokenizer.encode(text).tokens
    assert made.rows == tuple(sorted(made.rows))


def test_start_and_end_marks_and_added_tokens_move_along() -> None:
    for kind, ends in (("BPE of bytes", ["<s>", "</s>"]), ("Unigram", ["<cls>", "<sep>"])):
        tokenizer, made = trimmed(kind)
        encoded = made.tokenizer.encode("weather")
        assert [encoded.tokens[0], encoded.tokens[-1]] == ends
        assert [encoded.ids[0], encoded.ids[-1]] == [made.tokenizer.token_to_id(end) for end in ends]
        assert made.tokenizer.token_to_id(ends[1]) != tokenizer.token_to_id(ends[1]) or kind == "BPE of bytes"
    assert made.tokenizer.get_vocab_size(with_added_tokens=True) > made.tokenizer.get_vocab_size(
        with_added_tokens=False
    )
    _tokenizer, made = trimmed("BPE of bytes")
    assert made.tokenizer.token_to_id("<mask>") == len(made.rows) - 1


@pytest.mark.parametrize("kind", KINDS)
def test_kept_tokens_are_those_of_the_old_ids(kind: str) -> None:
    tokenizer, made = trimmed(kind)
    assert [made.tokenizer.id_to_token(new) for new in range(len(made.rows))] == [
        tokenizer.id_to_token(old) for old in made.rows
    ]


def test_merges_keep_their_order_and_lead_only_through_kept_tokens() -> None:
    tokenizer, made = trimmed("BPE of bytes")
    old, new = (json.loads(one.to_str())["model"] for one in (tokenizer, made.tokenizer))
    places = [old["merges"].index(merge) for merge in new["merges"]]
    assert places == sorted(places)
    assert 0 < len(places) < len(old["merges"])
    assert all({*pair, "".join(pair)} <= new["vocab"].keys() for pair in new["merges"])


def test_a_worst_piece_stays_so_that_unknown_characters_cost_what_they_did() -> None:
    """An x costs ten more than the worst piece: 50 with it, so that xa + b (42) is cheaper than x + ab; 40 without."""
    pieces = [("<unk>", 0.0), ("a", -5.0), ("b", -12.0), ("ab", -1.0), ("xa", -30.0), ("aa", -40.0), ("aab", -6.0)]
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=0, byte_fallback=False))
    assert tokenizer.encode("xab").tokens == ["xa", "b"]
    made = trim(tokenizer, ["ab", "xab"], Wishes(share=0.0), special={"unknown_id": 0}, seed=0)
    assert set(made.tokenizer.get_vocab()) == {"<unk>", "a", "b", "ab", "xa", "aa"}
    assert made.tokenizer.encode("xab").tokens == ["xa", "b"]


def test_a_kept_word_stays_whole() -> None:
    rare = "constantinople"
    wishes = Wishes(share=0.0, keep=(rare,))
    kept = trim(word_piece(), TEXTS, wishes, special={}, seed=0)
    assert kept.tokenizer.encode(rare).tokens == word_piece().encode(rare).tokens == ["[CLS]", rare, "[SEP]"]
    cut = trim(word_piece(), TEXTS, Wishes(share=0.0), special={}, seed=0).tokenizer.encode(rare).tokens
    assert len(cut) > 3
    assert "[UNK]" not in cut


def test_without_languages_it_keeps_the_scripts_of_the_training_texts() -> None:
    made = trim(word_piece(), TEXTS, Wishes(share=1.0), special={}, seed=0)
    for text in ("constantinople is not istanbul", "naïve café", "42 + 1 = 43 €"):
        assert made.tokenizer.encode(text).tokens == word_piece().encode(text).tokens
    assert {"##ович", "##ης", "##ان"} < word_piece().get_vocab().keys()
    assert not {"##ович", "##ης", "##ان"} & made.tokenizer.get_vocab().keys()
    assert made.tokenizer.encode("петрович").tokens[-5:-1] == ["##о", "##в", "##и", "##ч"]
    assert "[unused7]" not in made.tokenizer.get_vocab()


def test_named_languages_keep_their_scripts() -> None:
    made = trim(word_piece(), TEXTS, Wishes(languages=("en", "ru"), share=1.0), special={}, seed=0)
    assert "##ович" in made.tokenizer.encode("петрович").tokens
    assert "##ης" not in made.tokenizer.get_vocab()


def test_size_is_kept_and_more_never_costs_tokens() -> None:
    small, large = (trim(word_piece(), TEXTS, Wishes(size=size), special={}, seed=0) for size in (3000, 6000))
    assert (len(small.rows), len(large.rows)) == (3000, 6000)
    assert set(small.rows) < set(large.rows)


def test_held_out_texts_have_no_say_and_their_figures_are_right() -> None:
    """Each text has a word of its own: what is held out is spelt in other tokens, all else as before."""
    words = [word for word in word_piece().get_vocab() if word.isalpha() and len(word) > 7][:200]
    report = trim(word_piece(), words, Wishes(share=0.0), special={"unknown_id": 100}, seed=0).report
    assert (report.fidelity.texts, report.fidelity.identical) == (20, 0)
    assert (report.fidelity.unknown_before, report.fidelity.unknown_after) == (0.0, 0.0)
    assert trim(word_piece(), words, Wishes(share=1.0), special={}, seed=0).report.fidelity.identical == 20
    assert "too few texts" in trim(word_piece(), words[:9], Wishes(), special={}, seed=0).report.words()


def test_tokenizers_that_spell_nothing_are_refused() -> None:
    assert "WordLevel" in obstacle(Tokenizer(models.WordLevel({"a": 0}, unk_token="a")))
    assert "at random" in obstacle(Tokenizer(models.BPE({"a": 0}, [], dropout=0.1)))
    assert not any(obstacle(make()) for make, _unknown in KINDS.values())


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"sise": 3}, "did you mean 'size'"),
        ({"languages": ["xx"], "share": 2}, "2 problems"),
        ({"keep": "word"}, "a list of strings"),
        ({"share": 0.5, "size": 100}, "one of them"),
        ({"size": True}, "a number of tokens"),
    ],
)
def test_options_that_are_refused(options: Options, said: str, bundle: Path, tmp_path: Path) -> None:
    with pytest.raises(BriefError, match=said):
        VocabularyTrim().apply(Artefact("graph", bundle), options, _context(tmp_path / "made"))


ROWS = Labelled(
    inputs=[f"{first} the {second}" for first in WORDS[:4] for second in WORDS[4:9]],
    targets=np.arange(20) % 2,
    labels=("a", "b"),
)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundle")
    tiny_encoder(folder / "tiny", unused=3500)
    trainer = registry.trainer("text-classification")
    backbone = trainer.backbones("tiny", base=folder)[0]
    recipe = Recipe(method="probe", learning_rate=0, epochs=0, regularisation=0.1)
    trainer.fit(backbone, recipe, ROWS, folder / "model", base=folder, seed=0, progress=lambda _done: None)
    trainer.export(folder / "model", folder / "bundle", product="x", lineage=("tiny",))
    return folder / "bundle"


@pytest.mark.parametrize("quantised", [False, True])
def test_rows_and_answers_stay_the_same_bit_for_bit(quantised: bool, bundle: Path, tmp_path: Path) -> None:
    start = Artefact("graph", bundle)
    if quantised:
        start = Int8Embeddings().apply(start, {}, _context(tmp_path / "int8"))
    made = VocabularyTrim().apply(start, {}, _context(tmp_path / "made"))
    old, new = (Tokenizer.from_file(str(folder / "tokenizer.json")) for folder in (start.folder, made.folder))
    assert 10 < new.get_vocab_size() < 50 < old.get_vocab_size()
    before, after = _tables(start.folder), _tables(made.folder)
    assert len(after) == (2 if quantised else 1)
    for name, table in after.items():
        rows = [old.token_to_id(new.id_to_token(number)) for number in range(new.get_vocab_size())]
        assert np.array_equal(table, before[name][rows])
    assert np.array_equal(
        load_unsealed(made.folder).probabilities(ROWS.inputs), load_unsealed(start.folder).probabilities(ROWS.inputs)
    )


def test_the_special_ids_of_the_preprocessor_move_along(bundle: Path, tmp_path: Path) -> None:
    """A padding id that is no token's (some tables are longer than their tokenizer's list) keeps its row."""
    Path(tmp_path / "b").mkdir()
    for file in bundle.iterdir():
        (tmp_path / "b" / file.name).write_bytes(file.read_bytes())
    spec = read_spec(bundle)
    file = json.loads((bundle / "tokenizer.json").read_text(encoding="utf-8"))
    last = f"[unused{3499}]"
    number = file["model"]["vocab"].pop(last)
    (tmp_path / "b" / "tokenizer.json").write_text(json.dumps(file), encoding="utf-8")
    write_spec(tmp_path / "b", replace(spec, preprocessor={**spec.preprocessor, "pad_id": number}))
    made = VocabularyTrim().apply(Artefact("graph", tmp_path / "b"), {}, _context(tmp_path / "made"))
    moved = read_spec(made.folder).preprocessor
    new = Tokenizer.from_file(str(made.folder / "tokenizer.json"))
    assert moved["unknown_id"] == moved["empty_id"] == new.token_to_id("[UNK]")
    assert moved["pad_id"] == new.get_vocab_size()
    (table,) = _tables(made.folder).values()
    (before,) = _tables(bundle).values()
    assert np.array_equal(table[moved["pad_id"]], before[number])


def test_what_it_does_not_apply_to(bundle: Path, tmp_path: Path) -> None:
    works = VocabularyTrim()
    made = works.apply(Artefact("graph", bundle), {}, _context(tmp_path / "made"))
    assert "trimmed before" in works.applies(made, _context(tmp_path))
    assert works.applies(Artefact("graph", bundle), _context(tmp_path)) == ""
    folder = tmp_path / "other"
    folder.mkdir()
    for file in bundle.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    model = onnx.load(str(folder / "model.onnx"))
    model.graph.node.insert(0, helper.make_node("Equal", ["input_ids", "input_ids"], ["same"]))
    onnx.save(model, str(folder / "model.onnx"))
    assert "an operator Equal too" in works.applies(Artefact("graph", folder), _context(tmp_path))
    (folder / "tokenizer.json").unlink()
    assert works.applies(Artefact("graph", folder), _context(tmp_path)) == "no tokenizer.json"


def test_rows_that_are_no_text_are_refused(bundle: Path, tmp_path: Path) -> None:
    context = context_for(Labelled([b"sound"], np.array([0]), ("a",)), tmp_path / "made", teacher=tmp_path)
    with pytest.raises(DataError, match="no text"):
        VocabularyTrim().apply(Artefact("graph", bundle), {}, context)


def _plain(tokenizer: Tokenizer) -> Tokenizer:
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def _context(into: Path) -> Context:
    return context_for(ROWS, into, teacher=into)


def _tables(folder: Path) -> dict[str, np.ndarray]:
    model = onnx.load(str(folder / "model.onnx"))
    return {
        tensor.name: numpy_helper.to_array(tensor)
        for tensor in model.graph.initializer
        if tensor.name.startswith("embeddings.word")
    }
