"""`marketfit export` at the command line."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

from marketfit.testing.tiny import tiny_bundle

Call = Callable[..., subprocess.CompletedProcess[str]]


def test_export(call: Call, tmp_path: Path) -> None:
    made = tiny_bundle(tmp_path / "bundle", {"hello": "greeting", "bye": "farewell"}, labels=["farewell", "greeting"])
    said = call("export", made.folder, "--to", "huggingface", tmp_path / "hf", "--json")
    assert said.returncode == 0, said.stderr
    told = json.loads(said.stdout)
    assert (told["status"], told["format"], told["folder"]) == ("done", "huggingface", str(tmp_path / "hf"))
    assert told["bundle_sha256"] == made.manifest.file_digest()
    assert (tmp_path / "hf" / "onnx" / "model.onnx").is_file()
    again = call("export", made.folder, "--to", "huggingface", tmp_path / "hf")
    assert (again.returncode, "not an empty folder" in again.stderr) == (2, True)
    assert call("export", made.folder, "--to", "elsewhere", tmp_path / "other").returncode == 2
