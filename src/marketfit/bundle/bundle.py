"""A loaded bundle: raw inputs in, labelled predictions out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from marketfit import registry
from marketfit.bundle.layout import CONTRACT, MAX_CONTRACT_BYTES, read_record
from marketfit.bundle.manifest import Manifest
from marketfit.bundle.spec import read_spec
from marketfit.bundle.verify import verify
from marketfit.contract import Contract
from marketfit.errors import BundleError, Problem, RunError
from marketfit.records.bundle import BundleSpec, InputReport

if TYPE_CHECKING:
    from marketfit.task import Example, FloatMatrix, Runtime


@dataclass(frozen=True, slots=True)
class Prediction:
    """The most probable label with its calibrated probability; `abstain` when that is below the bundle's threshold."""

    label: str
    score: float
    abstain: bool


class Bundle:
    """A bundle in memory. Make one with `load` (sealed, verified) or `load_unsealed` (a variant of a run)."""

    def __init__(
        self, folder: Path, spec: BundleSpec, runtime: Runtime, *, contract: Contract | None, manifest: Manifest | None
    ) -> None:
        self.folder = folder
        self.spec = spec
        self.contract = contract
        self.manifest = manifest
        self._runtime = runtime

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels, in the order of the columns of `probabilities`; empty for a headless bundle."""
        return self.spec.labels

    @property
    def digest(self) -> str | None:
        """SHA-256 of the manifest's file, which names the whole content; None for an unsealed bundle."""
        return self.manifest.file_digest() if self.manifest else None

    def predict(self, examples: Sequence[Example]) -> list[Prediction]:
        """Label every example.

        Raises:
            BundleError: the bundle is headless.
            RunError: the graph gave something that is no probability.
        """
        scores = self.probabilities(examples)
        if not len(scores):
            return []
        labels, least = self.spec.labels, self.spec.abstain_below
        return [
            Prediction(labels[column], score := scores.item(row, column), score < least)
            for row, column in enumerate(scores.argmax(axis=1).tolist())
        ]

    def probabilities(self, examples: Sequence[Example]) -> FloatMatrix:
        """Calibrated class probabilities (n, classes), in the order of `labels`.

        Raises:
            BundleError: the bundle is headless.
            RunError: the graph gave something that is no probability.
        """
        if not self.spec.labels:
            raise BundleError(
                [Problem(str(self.folder), "this bundle has no labels, it only embeds", "", "call embed() instead")]
            )
        _refuse_single(examples)
        if not len(examples):
            return np.zeros((0, len(self.spec.labels)), dtype=np.float32)
        scores = self._runtime.predict(examples)
        expected = (len(examples), len(self.spec.labels))
        if scores.shape != expected:
            raise RunError(f"{self.folder}: the graph gave scores of shape {scores.shape}, not {expected}")
        # NaN fails this comparison too: a model that gives no number must not give a label.
        if not (scores.min() >= 0.0 and scores.max() <= 1.0 + 1e-5):
            raise RunError(f"{self.folder}: the graph gave scores that are no probabilities (NaN or outside 0 to 1)")
        return scores

    def embed(self, examples: Sequence[Example]) -> FloatMatrix:
        """One feature row per example (n, dim), of unit length."""
        _refuse_single(examples)
        return self._runtime.embed(examples)

    def inspect(self, examples: Sequence[Example]) -> InputReport:
        """What the preprocessor loses on these examples: shares of unknown tokens and of cut inputs."""
        _refuse_single(examples)
        return self._runtime.inspect(examples)

    def __repr__(self) -> str:
        state = "sealed" if self.manifest else "unsealed"
        return f"<Bundle {self.spec.product} ({self.spec.task}, {len(self.labels)} labels, {state})>"


def load(folder: str | Path, *, threads: int | None = None, key: str | Path | None = None) -> Bundle:
    """Verify a sealed bundle, then open it. `threads` overrides the number that it was measured with.

    `key` is the file of a trusted public key: a bundle that its owner has not signed is refused.

    Raises:
        BundleError: everything that is wrong with the folder; nothing of it was opened by the runtime.
        InputError: `key` holds no public Ed25519 key.
        MissingExtraError: a package of its task's runtime, or for `key` of the extra `sign`, is not installed.
    """
    path = Path(folder)
    manifest = verify(path, key=None if key is None else Path(key))
    return _open(
        path, threads, contract=read_record(path / CONTRACT, Contract, limit=MAX_CONTRACT_BYTES), manifest=manifest
    )


def load_unsealed(folder: str | Path, *, threads: int | None = None) -> Bundle:
    """Open a bundle folder that this machine wrote itself a moment ago, without a manifest to hold it against."""
    return _open(Path(folder), threads, contract=None, manifest=None)


def _open(path: Path, threads: int | None, *, contract: Contract | None, manifest: Manifest | None) -> Bundle:
    spec = read_spec(path)
    session = spec.session
    if threads is not None:
        if threads < 1:
            raise ValueError(f"threads must be 1 or more, not {threads}")
        session = replace(session, threads=threads)
    runtime = registry.runtime(spec.task).load(path, spec, session=session)
    return Bundle(path, spec, runtime, contract=contract, manifest=manifest)


def _refuse_single(examples: Sequence[Example]) -> None:
    """A lone string is a sequence of letters: the mistake is common and would be silent."""
    if isinstance(examples, str | bytes):
        raise TypeError("give a list of examples, such as predict(['one text']), not a single one")
