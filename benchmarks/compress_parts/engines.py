"""The engines: each is made from the work folder and a number of threads, and gives class numbers for texts.

All encoders are the same fine-tuned six-layer MiniLM with mean pooling. transformers has no class with that pooling, so
the pipeline's model is BertModel with the pooling and the head of ours on top, in transformers' own text-classification
pipeline. The other peers tokenise with `tokenizers` directly, which is the fastest they can do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

LENGTH = 128
Engine = Callable[[Sequence[str]], Sequence[int]]


def pipeline(work: Path, threads: int) -> Engine:
    """Hugging Face pipeline, float32, on torch."""
    import torch
    import transformers

    from compress_parts.torch_model import pooled_classifier

    torch.set_num_threads(threads)
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_file=str(work / "tuned" / "tokenizer.json"), pad_token="[PAD]", unk_token="[UNK]",
        cls_token="[CLS]", sep_token="[SEP]", model_max_length=LENGTH,
        model_input_names=["input_ids", "attention_mask"],
    )  # fmt: skip
    pipe = transformers.pipeline(
        "text-classification", model=pooled_classifier(work / "tuned"), tokenizer=tokenizer, device=-1
    )

    def answer(texts: Sequence[str]) -> Sequence[int]:
        said = pipe(list(texts), batch_size=len(texts), truncation=True)
        return [int(row["label"].removeprefix("LABEL_")) for row in said]

    return answer


def _tokens(work: Path) -> Callable[[Sequence[str]], tuple[np.ndarray, np.ndarray]]:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(work / "tuned" / "tokenizer.json"))
    tokenizer.enable_truncation(LENGTH)
    tokenizer.enable_padding()

    def encode(texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        rows = tokenizer.encode_batch_fast(list(texts))
        return np.array([row.ids for row in rows]), np.array([row.attention_mask for row in rows])

    return encode


def _onnx(file: str) -> Callable[[Path, int], Engine]:
    def make(work: Path, threads: int) -> Engine:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        session = onnxruntime.InferenceSession(str(work / file), options, providers=["CPUExecutionProvider"])
        encode = _tokens(work)
        types = {node.name: np.int32 if "int32" in node.type else np.int64 for node in session.get_inputs()}

        def answer(texts: Sequence[str]) -> Sequence[int]:
            ids, mask = encode(texts)
            given = {"input_ids": ids, "attention_mask": mask}
            (logits,) = session.run(["logits"], {name: given[name].astype(kind) for name, kind in types.items()})
            return [int(label) for label in logits.argmax(axis=1)]

        return answer

    return make


def openvino_int8(work: Path, threads: int) -> Engine:
    """OpenVINO, int8 by NNCF (static, calibrated on training rows)."""
    import openvino

    hint: Mapping[str, Any] = {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY"}
    compiled = openvino.Core().compile_model(str(work / "openvino" / "int8.xml"), "CPU", dict(hint))
    encode, request = _tokens(work), compiled.create_infer_request()

    def answer(texts: Sequence[str]) -> Sequence[int]:
        ids, mask = encode(texts)
        given = {"input_ids": ids.astype(np.int64), "attention_mask": mask.astype(np.int64)}
        logits = request.infer(given)[compiled.output(0)]
        return [int(label) for label in logits.argmax(axis=1)]

    return answer


def _ours(name: str) -> Callable[[Path, int], Engine]:
    def make(work: Path, threads: int) -> Engine:
        from marketfit.bundle import load_unsealed

        bundle = load_unsealed(work / "ours" / name, threads=threads)
        number = {label: place for place, label in enumerate(bundle.labels)}
        return lambda texts: [number[said.label] for said in bundle.predict(list(texts))]

    return make


def model2vec(work: Path, threads: int) -> Engine:  # noqa: ARG001 - it has one thread
    """model2vec's static embedding and logistic regression."""
    import joblib
    from model2vec import StaticModel

    static = StaticModel.from_pretrained(str(work / "model2vec"))
    weight, bias = joblib.load(work / "model2vec" / "head.joblib")
    return lambda texts: [int(row) for row in (static.encode(list(texts)) @ weight + bias).argmax(axis=1)]


def tfidf_svm(work: Path, threads: int) -> Engine:  # noqa: ARG001 - it has one thread
    """TF-IDF of words and characters, linear SVM."""
    import joblib

    fitted = joblib.load(work / "tfidf.joblib")
    return lambda texts: [int(label) for label in fitted.predict(list(texts))]


ENGINES: Mapping[str, Callable[[Path, int], Engine]] = {
    "pipeline fp32": pipeline,
    "ONNX Runtime fp32, fused": _onnx("fused.onnx"),
    "exported graph, dynamic int8": _onnx("dynamic.onnx"),
    "OpenVINO int8 (NNCF)": openvino_int8,
    "ours: int8": _ours("int8"),
    "ours: int8, int8 embeddings": _ours("int8-embeddings"),
    "ours: three layers": _ours("three"),
    "ours: three layers, trimmed": _ours("three-trimmed"),
    "ours: three narrow layers, trimmed": _ours("narrow-trimmed"),
    "ours: two layers, trimmed": _ours("two-trimmed"),
    "ours: two narrow layers, trimmed": _ours("two-narrow-trimmed"),
    "ours: two narrow layers, all words in 2 bits": _ours("two-narrow-pq"),
    "ours: static": _ours("static"),
    "model2vec + logistic regression": model2vec,
    "TF-IDF + linear SVM": tfidf_svm,
}

FILES: Mapping[str, str] = {
    "pipeline fp32": "tuned",
    "ONNX Runtime fp32, fused": "fused.onnx",
    "exported graph, dynamic int8": "dynamic.onnx",
    "OpenVINO int8 (NNCF)": "openvino",
    "ours: int8": "ours/int8",
    "ours: int8, int8 embeddings": "ours/int8-embeddings",
    "ours: three layers": "ours/three",
    "ours: three layers, trimmed": "ours/three-trimmed",
    "ours: three narrow layers, trimmed": "ours/narrow-trimmed",
    "ours: two layers, trimmed": "ours/two-trimmed",
    "ours: two narrow layers, trimmed": "ours/two-narrow-trimmed",
    "ours: two narrow layers, all words in 2 bits": "ours/two-narrow-pq",
    "ours: static": "ours/static",
    "model2vec + logistic regression": "model2vec",
    "TF-IDF + linear SVM": "tfidf.joblib",
}
"""What each engine has to ship, in the work folder."""

NEEDS: Mapping[str, tuple[str, ...]] = {
    "OpenVINO int8 (NNCF)": ("openvino", "nncf"),
    "model2vec + logistic regression": ("model2vec",),
}
"""Packages of an engine that marketfit's extras do not bring."""


STUDENTS = (*[name for name in ENGINES if name.startswith(("ours: three", "ours: two"))], "ours: static")
"""Engines whose model is trained from the full one."""


def missing() -> dict[str, list[str]]:
    """Engine that can't be made here → the packages that it lacks."""
    lacking = {name: [one for one in packages if not find_spec(one)] for name, packages in NEEDS.items()}
    return {name: packages for name, packages in lacking.items() if packages}


ENCODERS: Mapping[str, str] = {
    **dict.fromkeys(list(ENGINES)[:6], "tuned"),
    "ours: three layers": "distilled-three",
    "ours: three layers, trimmed": "distilled-three",
    "ours: three narrow layers, trimmed": "distilled-narrow",
    "ours: two layers, trimmed": "distilled-two",
    "ours: two narrow layers, trimmed": "distilled-two-narrow",
    "ours: two narrow layers, all words in 2 bits": "distilled-two-narrow",
}
"""The model folder behind each engine that has layers, in the work folder."""
