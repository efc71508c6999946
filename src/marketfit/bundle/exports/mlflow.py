"""A bundle as an MLflow model: the sealed bundle inside of a pyfunc folder whose loader is ours, so there is no pickle.

MLflow's own `save_model` writes the folder (`loader_module` and `data_path`); `mlflow.pyfunc.load_model` calls
`_load_pyfunc` of `mlflow_loader.py`, which verifies the bundle again.
"""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

from marketfit.bundle.bundle import Bundle
from marketfit.errors import InputError, MissingExtraError, Problem

LOADER = "marketfit.bundle.exports.mlflow_loader"
_PACKAGES = ("marketfit", "numpy", "onnxruntime", "tokenizers")


def write_mlflow(bundle: Bundle, into: Path) -> None:
    """Write the folder.

    Raises:
        InputError: the bundle has no labels.
        MissingExtraError: mlflow, or a package that its models need, is not installed.
    """
    if not bundle.labels:
        raise InputError([Problem(str(bundle.folder), "a bundle without labels", "a classifier", "export another")])
    try:
        import mlflow.pyfunc
        from mlflow.models import ModelSignature
        from mlflow.types import ColSpec, DataType, Schema
    except ImportError as missing:
        raise MissingExtraError("mlflow", missing.name or "mlflow-skinny") from missing
    answers = [
        ColSpec(DataType.string, "label"),
        ColSpec(DataType.double, "score"),
        ColSpec(DataType.boolean, "abstain"),
    ]
    kind = DataType.string if bundle.spec.preprocessor.get("max_length") else DataType.binary
    given = Schema([ColSpec(kind, bundle.spec.input_name or "input")])
    mlflow.pyfunc.save_model(
        path=into,
        loader_module=LOADER,
        data_path=str(bundle.folder),
        signature=ModelSignature(inputs=given, outputs=Schema(answers)),
        pip_requirements=[f"{name}=={version(name)}" for name in _PACKAGES],
        metadata={"marketfit_bundle_sha256": bundle.digest or ""},
    )
