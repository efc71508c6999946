"""What is made once and kept in the work folder: the fine-tuned model, our variants, and what each peer ships."""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from pydantic import JsonValue

from compress_parts import engines
from marketfit import registry
from marketfit.compress.passes import Artefact, Context, Pass
from marketfit.compress.passes.int8 import Int8
from marketfit.compress.passes.int8_embeddings import Int8Embeddings
from marketfit.compress.passes.layer_drop import LayerDrop
from marketfit.compress.passes.pq_embeddings import PqEmbeddings
from marketfit.compress.passes.vocabulary_trim import VocabularyTrim
from marketfit.compress.passes.width_prune import WidthPrune
from marketfit.records.models import Recipe
from marketfit.task import Labelled, StaticShape, StaticTrainer, Study, normalise_text, unreported

HERE = Path(__file__).resolve().parent
DATA = HERE.parents[2] / "shared" / "data" / "clinc150.parquet"
TASK = "text-classification"
LAYERS_OF = {"three": 3, "two": 2}  # of the students that begin as a part of the encoder
NARROW = "narrow"  # half of the heads and of the width of the three layers
FEW_NARROW = "two-narrow"  # two of those
COMMON, TRAINING_ROWS, TEST_ROWS = 40, 3000, 1500  # rows of a label, and rows, where a table has no split of its own
CALIBRATION = 300  # training rows that NNCF calibrates on: its own default


@dataclass(frozen=True)
class Rows:
    """Training and test rows; the labels' order is that of all class numbers."""

    train: Labelled
    test: Labelled


@dataclass(frozen=True)
class Table:
    """A parquet file of labelled texts, and which of its columns they are."""

    file: Path = DATA
    text: str = "text"
    label: str = "label"

    def folder(self, work: Path, *, quick: bool) -> Path:
        """Where all that is made of it is kept: models of one table are none of another."""
        return (work / f"{self.file.stem}-{self.text}-{self.label}" / ("quick" if quick else "full")).resolve()


def read_rows(table: Table, *, quick: bool) -> Rows:
    """Rows whose column `split` says train or test; without one, of the labels that are common enough, some at random.

    Texts are cut to the tokens that all engines read; `quick` takes few of them.
    """
    named = {name: pq.read_table(table.file, columns=[name])[name].to_pylist() for name in (table.text, table.label)}
    texts, given = _cut([normalise_text(text) for text in named[table.text]]), named[table.label]
    if "split" in pq.read_schema(table.file).names:
        splits = pq.read_table(table.file, columns=["split"])["split"].to_pylist()
    else:
        splits = _drawn(texts, given)
    labels = tuple(sorted({label for label, split in zip(given, splits, strict=True) if split in ("train", "test")}))
    number = {label: place for place, label in enumerate(labels)}

    def of(wanted: str, step: int) -> Labelled:
        chosen = [row for row, split in enumerate(splits) if split == wanted][:: step if quick else 1]
        targets = np.array([number[given[row]] for row in chosen], dtype=np.int64)
        return Labelled(inputs=[texts[row] for row in chosen], targets=targets, labels=labels)

    return Rows(of("train", 100), of("test", 90))


def _drawn(texts: Sequence[str], labels: Sequence[str]) -> list[str]:
    """Which split each row is in, or none: distinct texts of one label each, of labels that are common enough."""
    found = defaultdict[str, set[str]](set)
    for text, label in zip(texts, labels, strict=True):
        found[text].add(label)
    sole = {text: row for row, text in enumerate(texts) if len(found[text]) == 1}
    common = Counter(labels[row] for row in sole.values())
    kept = [row for row in sole.values() if common[labels[row]] >= COMMON]
    splits = [""] * len(texts)
    for place, drawn in enumerate(np.random.default_rng(0).permutation(kept)[: TEST_ROWS + TRAINING_ROWS].tolist()):
        splits[drawn] = "test" if place < TEST_ROWS else "train"
    return splits


def _cut(texts: Sequence[str]) -> list[str]:
    """Each as far as all engines read it."""
    from tokenizers import Tokenizer

    from marketfit.tasks.text_classification.sources import locate

    tokenizer = Tokenizer.from_file(str(locate("minilm", base=HERE).folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(engines.LENGTH)
    ends = [max(end for _start, end in encoding.offsets) for encoding in tokenizer.encode_batch(list(texts))]
    return [text[:end] for text, end in zip(texts, ends, strict=True)]


def prepare(work: Path, rows: Rows, *, quick: bool, students: bool) -> None:
    """Make whatever is missing; `students`: models too that are trained from the full one.

    Each part appears under its name once it is whole.
    """
    epochs = 1.0 if quick else 4.0
    trainer = registry.trainer(TASK)

    def tuned(name: str) -> Callable[[Path], None]:
        def make(into: Path) -> None:
            (backbone,) = (one for one in trainer.backbones(name, base=work) if not one.static)
            recipe = Recipe(method="full", learning_rate=3e-4, epochs=epochs)
            trainer.fit(backbone, recipe, rows.train, into, base=work, seed=0, progress=unreported)
            card = json.loads((into / "marketfit.json").read_text("utf-8"))
            card["preprocessor"]["max_length"] = engines.LENGTH  # training saw short rows only: all engines read 128
            (into / "marketfit.json").write_text(json.dumps(card), "utf-8")

        return make

    once(work / "tuned", tuned("minilm#6"))
    _ours(work, rows)
    if students:
        for name, count in LAYERS_OF.items():
            once(work / f"tuned-{name}", tuned(f"minilm#{count}"))
        _students(work, rows, quick=quick)
    _peers(work, rows)


def once(path: Path, make: Callable[[Path], None]) -> None:
    """Make what is missing; it appears under its name once it is whole."""
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.name}")
    if scratch.is_dir():
        shutil.rmtree(scratch)
    began = time.monotonic()
    make(scratch)
    scratch.rename(path)
    sys.stderr.write(f"{path.name}: {time.monotonic() - began:.0f} s\n")


def _export_ours(model: Path) -> Callable[[Path], None]:
    trainer = registry.trainer(TASK)
    return lambda into: trainer.export(model, into, product="benchmark", lineage=("benchmarks/compress.py",))


def passed(step: Pass, source: Path, rows: Rows, **options: JsonValue) -> Callable[[Path], None]:
    """What a pass that `marketfit run` uses makes of a model folder or of an exported model."""

    def make(into: Path) -> None:
        context = Context(
            into=into, inputs=rows.train.inputs, targets=rows.train.targets, labels=rows.train.labels,
            unlabelled=(), trainer=registry.trainer(TASK), teacher=source, seed=0, progress=unreported,
        )  # fmt: skip
        assert not step.applies(Artefact(step.stage, source), context)
        step.apply(Artefact(step.stage, source), options, context)

    return make


def _ours(work: Path, rows: Rows) -> None:
    """The full model, exported and quantised."""
    ours = work / "ours"
    once(ours / "fp32", _export_ours(work / "tuned"))
    once(ours / "int8", passed(Int8(), ours / "fp32", rows))
    once(ours / "int8-embeddings", passed(Int8Embeddings(), ours / "int8", rows))


def _students(work: Path, rows: Rows, *, quick: bool) -> None:
    """Few layers and a static model that learn from the full one, exported and quantised."""
    trainer = registry.trainer(TASK)
    ours = work / "ours"
    study = Study(epochs=1.0) if quick else Study()  # as the pass `distil` has it
    of_static = Study(epochs=5.0 if quick else 20.0, learning_rate=1e-3)

    def distilled(start: Path, study: Study) -> Callable[[Path], None]:
        return lambda into: trainer.distil(
            start, work / "tuned", rows.train, into, unlabelled=(), study=study, seed=0, progress=unreported
        )  # type: ignore[return-value, func-returns-value]

    def flat(into: Path) -> None:
        assert isinstance(trainer, StaticTrainer)
        trainer.static(
            work / "tuned", rows.train, into, unlabelled=(), shape=StaticShape(), seed=0, progress=unreported
        )

    for name in LAYERS_OF:
        once(work / f"distilled-{name}", distilled(work / f"tuned-{name}", study))
    once(work / f"cut-{NARROW}", passed(WidthPrune(), work / "distilled-three", rows))
    once(work / f"distilled-{NARROW}", distilled(work / f"cut-{NARROW}", study))
    once(work / f"cut-{FEW_NARROW}", passed(LayerDrop(), work / f"distilled-{NARROW}", rows, layers=2))
    once(work / f"distilled-{FEW_NARROW}", distilled(work / f"cut-{FEW_NARROW}", study))
    for name in (*LAYERS_OF, NARROW, FEW_NARROW):
        once(ours / f"{name}-fp32", _export_ours(work / f"distilled-{name}"))
        once(ours / f"{name}-int8", passed(Int8(), ours / f"{name}-fp32", rows))
        once(ours / name, passed(Int8Embeddings(), ours / f"{name}-int8", rows))
        once(ours / f"{name}-few-words", passed(VocabularyTrim(), ours / f"{name}-fp32", rows))
        once(ours / f"{name}-few-words-int8", passed(Int8(), ours / f"{name}-few-words", rows))
        once(ours / f"{name}-trimmed", passed(Int8Embeddings(), ours / f"{name}-few-words-int8", rows))
    once(ours / f"{FEW_NARROW}-pq", passed(PqEmbeddings(), ours / f"{FEW_NARROW}-int8", rows, width=4))
    once(work / "static-start", flat)
    once(work / "distilled-static", distilled(work / "static-start", of_static))
    once(ours / "static-fp32", _export_ours(work / "distilled-static"))
    once(ours / "static", passed(Int8Embeddings(), ours / "static-fp32", rows))


def _peers(work: Path, rows: Rows) -> None:
    once(work / "exported.onnx", lambda into: _export(work, into))
    once(work / "fused.onnx", lambda into: _fuse(work, into))
    once(work / "dynamic.onnx", lambda into: _dynamic(work, into))
    lacking = engines.missing()
    if "OpenVINO int8 (NNCF)" not in lacking:
        once(work / "openvino", lambda into: _nncf(work, rows, into))
    if "model2vec + logistic regression" not in lacking:
        once(work / "model2vec", lambda into: _model2vec(work, rows, into))
    once(work / "tfidf.joblib", lambda into: _tfidf(rows, into))


def _export(work: Path, into: Path) -> None:
    from compress_parts.torch_model import export

    export(work / "tuned", into)


def _fuse(work: Path, into: Path) -> None:
    from onnxruntime.transformers import optimizer

    made = optimizer.optimize_model(str(work / "exported.onnx"), model_type="bert", num_heads=12, hidden_size=384)
    made.save_model_to_file(str(into))


def _dynamic(work: Path, into: Path) -> None:
    from onnxruntime.quantization import QuantType, quantize_dynamic

    quantize_dynamic(str(work / "exported.onnx"), str(into), weight_type=QuantType.QInt8, per_channel=True)


def _nncf(work: Path, rows: Rows, into: Path) -> None:
    import nncf
    import openvino

    encode = engines._tokens(work)

    def given(text: str) -> dict[str, object]:
        ids, mask = encode([text])
        return {"input_ids": ids.astype(np.int64), "attention_mask": mask.astype(np.int64)}

    step = max(1, len(rows.train.inputs) // CALIBRATION)
    chosen = [str(text) for text in rows.train.inputs[::step]][:CALIBRATION]
    model = openvino.convert_model(str(work / "exported.onnx"))
    made = nncf.quantize(model, nncf.Dataset(chosen, given), model_type=nncf.ModelType.TRANSFORMER,
                         subset_size=len(chosen))  # fmt: skip
    into.mkdir()
    openvino.save_model(made, str(into / "int8.xml"))


def _model2vec(work: Path, rows: Rows, into: Path) -> None:
    """model2vec's published recipe, written out, since its `distill` extra does not go with transformers 5: every token
    alone through the pretrained encoder, principal components, weights by rank of frequency; then its own StaticModel.
    """
    import joblib
    import torch
    from model2vec import StaticModel
    from sklearn.decomposition import PCA
    from sklearn.linear_model import LogisticRegression
    from tokenizers import Tokenizer

    from marketfit.tasks.text_classification.model import load_encoder
    from marketfit.tasks.text_classification.sources import locate

    encoder = load_encoder(locate("minilm", base=work), layers=None)
    tokenizer = Tokenizer.from_file(str(work / "tuned" / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    first, last = (tokenizer.token_to_id(mark) for mark in ("[CLS]", "[SEP]"))
    vectors = []
    with torch.inference_mode():
        for start in range(0, tokenizer.get_vocab_size(), 512):
            ids = torch.arange(start, min(start + 512, tokenizer.get_vocab_size()))[:, None]
            rows_of = torch.hstack([torch.full_like(ids, first), ids, torch.full_like(ids, last)])
            said = encoder(input_ids=rows_of, attention_mask=torch.ones_like(rows_of))
            vectors.append(said.last_hidden_state.mean(dim=1).numpy())
    table = PCA(256, random_state=0).fit_transform(np.vstack(vectors))
    table *= np.log(1 + np.arange(1, len(table) + 1))[:, None]
    static = StaticModel(vectors=table.astype(np.float32), tokenizer=tokenizer, config={"normalize": True})
    into.mkdir()
    static.save_pretrained(str(into))
    texts = [str(text) for text in rows.train.inputs]
    head = LogisticRegression(C=10.0, max_iter=1000).fit(static.encode(texts), rows.train.targets)
    weight = np.zeros((table.shape[1], len(rows.train.labels)), dtype=np.float32)
    bias = np.full(len(rows.train.labels), -np.inf, dtype=np.float32)
    weight[:, head.classes_], bias[head.classes_] = head.coef_.T, head.intercept_
    joblib.dump((weight, bias), into / "head.joblib")


def _tfidf(rows: Rows, into: Path) -> None:
    import joblib
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import make_pipeline, make_union
    from sklearn.svm import LinearSVC

    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
    letters = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), sublinear_tf=True)
    fitted = make_pipeline(make_union(words, letters), LinearSVC()).fit(rows.train.inputs, rows.train.targets)
    joblib.dump(fitted, into)
