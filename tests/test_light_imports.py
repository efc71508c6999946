"""Light by default: importing marketfit loads nothing of the training side (import-linter can't see this)."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import BaseModel

import marketfit
from marketfit.testing.tiny import tiny_bundle

HEAVY = (
    "torch", "transformers", "sklearn", "optuna", "cleanlab", "peft", "datasketch", "onnx",
    "ray", "mlflow", "wandb", "tensorboard", "scipy.optimize", "scipy.stats", "alembic",
    "openvino",
)  # fmt: skip
PROMISED = (
    "marketfit", "marketfit.cli", "marketfit.loop", "marketfit.bundle", "marketfit.serve", "marketfit.prepare",
    "marketfit.shortlist", "marketfit.research", "marketfit.tune", "marketfit.compress", "marketfit.position",
    "marketfit.listen", "marketfit.report", "marketfit.measure", "marketfit.measure.probe_process",
    "marketfit.tasks.text_classification.runtime",
)  # fmt: skip

WITHOUT_PYDANTIC = ("marketfit.measure.probe_process", "marketfit.tasks.text_classification.runtime")
"""What a process imports that only loads a bundle: pydantic would be 0.09 s of its start."""

SCRIPT = """
import importlib, json, sys, traceback
found, order = {}, json.load(sys.stdin)
for name in order["modules"]:
    before = set(sys.modules)
    try:
        importlib.import_module(name)
        error = ""
    except Exception:
        error = traceback.format_exc()
    found[name] = {"error": error, "heavy": sorted(set(order["heavy"]) & (set(sys.modules) - before))}
json.dump(found, sys.stdout)
"""


class Imported(BaseModel):
    """What importing a module did: its traceback, and the heavy packages that it was the first to load."""

    error: str
    heavy: tuple[str, ...]


def import_in_order(modules: tuple[str, ...], heavy: tuple[str, ...] = HEAVY) -> dict[str, Imported]:
    """Import modules one after the other in one fresh process."""
    done = subprocess.run(
        [sys.executable, "-P", "-c", SCRIPT],
        input=json.dumps({"modules": modules, "heavy": heavy}),
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return {name: Imported.model_validate(found) for name, found in json.loads(done.stdout).items()}


def modules_of_the_package() -> tuple[str, ...]:
    """All modules but the heavy half of tasks, their shared training side, migrations, which Alembic runs, and hostile
    bundles, whose graphs are built with onnx."""
    root = Path(marketfit.__file__).parent
    names = []
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        if (
            parts[0] in ("training", "tasks")
            or parts[:2] == ("testing", "hostile")
            or "migrations" in parts
            or parts[-1] == "__main__"
        ):
            continue
        names.append(".".join(("marketfit", *parts)).removesuffix(".__init__"))
    return tuple(names)


@pytest.fixture(scope="module")
def promised() -> dict[str, Imported]:
    return import_in_order(PROMISED)


@pytest.mark.parametrize("module", PROMISED)
def test_importing_a_promised_module_loads_nothing_heavy(promised: dict[str, Imported], module: str) -> None:
    assert not promised[module].error, promised[module].error
    assert promised[module].heavy == ()


def test_a_bundle_is_loaded_with_little(tmp_path: Path) -> None:
    found = import_in_order(WITHOUT_PYDANTIC, ("pydantic", "pydantic_core"))
    assert {name: (seen.error, seen.heavy) for name, seen in found.items()} == dict.fromkeys(WITHOUT_PYDANTIC, ("", ()))
    made = tiny_bundle(tmp_path / "bundle", {"hello": "greeting", "bye": "farewell"}, labels=("farewell", "greeting"))
    code = """
import sys
import marketfit
(answer,) = marketfit.load(sys.argv[1]).predict(["hello"])
assert answer.label == "greeting", answer
assert not {"pydantic", "importlib.metadata", "email", "socket", "marketfit.task"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-P", "-c", code, str(made.folder)], check=True, timeout=120)


def test_no_module_of_the_package_loads_anything_heavy() -> None:
    modules = modules_of_the_package()
    assert len(modules) > 100
    found = import_in_order(modules)
    assert {name: seen.error for name, seen in found.items() if seen.error} == {}
    assert {name: seen.heavy for name, seen in found.items() if seen.heavy} == {}


def test_a_heavy_module_would_be_seen() -> None:
    found = import_in_order(("onnx", "no_such_module"))
    assert found["onnx"].heavy == ("onnx",)
    assert "ModuleNotFoundError" in found["no_such_module"].error
