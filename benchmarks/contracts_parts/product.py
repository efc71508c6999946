"""The product as its user has it: the command `marketfit compress`, and a workspace that it can begin with."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from marketfit.contract import Requirement


@dataclass(frozen=True)
class Product:
    """The command on one model and one file of rows."""

    model: Path
    data: Path

    def compress(
        self, requirements: Sequence[Requirement], *, minutes: float, workspace: Path, cores: Sequence[int] = ()
    ) -> dict[str, Any]:
        """The document of `--json`. `cores`: on which alone it runs.

        Raises:
            SystemExit: it ended otherwise than with a bundle or a refusal.
        """
        program = shutil.which("marketfit", path=str(Path(sys.executable).parent)) or "marketfit"
        asked = [part for need in requirements for part in ("--require", str(need))]
        held = ["taskset", "--cpu-list", ",".join(map(str, cores))] if cores else []
        command = [*held, program, "compress", str(self.model), "--data", str(self.data), *asked,
                   "--minutes", str(minutes), "--workspace", str(workspace), "--json", "--quiet"]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode not in (0, 1):
            raise SystemExit(
                f"{' '.join(command)}\nexit status {done.returncode}: {(done.stderr or done.stdout)[-2000:]}"
            )
        document: dict[str, Any] = json.loads(done.stdout)
        return document


def copied(workspace: Path, into: Path) -> Path:
    """A copy of a workspace. Blobs and folders never change and are hard links; ledger and lock are copied."""
    if into.exists():
        shutil.rmtree(into)

    def copy(source: str, target: str) -> None:
        if Path(source).parent == workspace:
            shutil.copy2(source, target)
        else:
            os.link(source, target)

    shutil.copytree(workspace, into, copy_function=copy)
    return into
