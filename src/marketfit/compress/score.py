"""Calibrate a variant, reload it, and score what was reloaded on the valid rows."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from marketfit.brief import Brief
from marketfit.bundle import check_unsealed, load_unsealed, read_spec, size_mb, write_spec
from marketfit.compress.build import Built
from marketfit.compress.material import Material
from marketfit.compress.sizes import FILES, size_parts
from marketfit.contract import DEFAULT_CONFIDENCE, METRICS, Measurement
from marketfit.engine import Run
from marketfit.errors import BundleError, RunError
from marketfit.measure.calibration import abstention_threshold, fit_temperature
from marketfit.measure.quality import CLIP, measure_quality
from marketfit.records.bundle import Engine, SessionSettings
from marketfit.records.variants import Variant
from marketfit.task import FloatMatrix

ALWAYS = ("accuracy", "macro_f1", "log_loss", "calibration_error")
FAR_ABOVE = 1.25
"""A variant whose size is above this many times the limit is not timed: no contract or card will change that."""

_SEAL_BYTES = 16_000  # contract, card and manifest without their rows
_ROW_BYTES = 1_000  # one requirement in contract and card


@dataclass(frozen=True)
class Scorer:
    """Turns built bundles into variants that lack only what fresh processes measure."""

    brief: Brief
    material: Material
    run: Run

    def variant(self, built: Built, *, engine: Engine = "onnxruntime") -> Variant:
        """Calibrated, reloaded and scored with an engine; `rejected` says why it can't ship."""
        if built.failure:
            return self._variant(built, rejected=built.failure)
        with self.run.workspace.scratch() as scratch:
            folder = scratch / "bundle"
            self.run.workspace.copy_folder(built.bundle, folder)
            try:
                check_unsealed(folder)
                probabilities = self._calibrate(folder, engine)
            except (BundleError, RunError) as error:
                # The bundle is ours, so its faults are a result and not the user's mistake.
                return self._variant(built, rejected=" ".join(str(error).split()))
            return self._scored(built, folder, probabilities)

    def _calibrate(self, folder: Path, engine: Engine) -> FloatMatrix:
        """Fit temperature and abstention threshold, write them, and give what the reloaded bundle says."""
        brief, valid = self.brief, self.material.valid
        spec = read_spec(folder)
        if spec.labels != valid.labels:
            raise RunError(f"the exported bundle has the labels {spec.labels[:5]}…, the data {valid.labels[:5]}…")
        spec = replace(
            spec,
            input_name=brief.data.input,
            session=SessionSettings(engine=engine, threads=brief.target.threads),
            temperature=1.0,
            abstain_below=0.0,
        )
        write_spec(folder, spec)
        raw = _probabilities(folder, valid.inputs)
        temperature = fit_temperature(np.log(np.clip(raw, CLIP, 1.0)), valid.targets)
        write_spec(folder, replace(spec, temperature=temperature))
        probabilities = _probabilities(folder, valid.inputs)
        rule = abstention_threshold(
            probabilities, valid.targets, target_accuracy=brief.abstain.accuracy, confidence=DEFAULT_CONFIDENCE
        )
        write_spec(folder, replace(spec, temperature=temperature, abstain_below=min(1.0, rule.threshold)))
        return probabilities

    def _scored(self, built: Built, folder: Path, probabilities: FloatMatrix) -> Variant:
        valid, workspace = self.material.valid, self.run.workspace
        lost = load_unsealed(folder).inspect(valid.inputs)
        size = self._size(folder)
        return self._variant(built, rejected=self._too_large(size.value)).model_copy(
            update={
                "bundle": workspace.put_folder(folder),
                "sizes": _with_papers(size_parts(folder), total=size.value),
                "measurements": (*self._quality(probabilities), size),
                "probabilities": workspace.put_array(probabilities),
                "unknown_tokens": lost.unknown,
                "truncated": lost.truncated,
            }
        )

    def _quality(self, probabilities: FloatMatrix) -> tuple[Measurement, ...]:
        """Each wanted metric at the confidence that its requirement asks for."""
        found: list[Measurement] = []
        for metric, confidence in wanted_metrics(self.brief).items():
            found += measure_quality(
                [metric],
                probabilities,
                self.material.valid.targets,
                groups=self.material.groups,
                slices=self.material.slices,
                confidence=confidence,
                seed=self.run.seed_for("compress", "quality", metric),
                conditions="valid rows, reloaded bundle, not yet sealed",
            )
        return tuple(found)

    def _size(self, folder: Path) -> Measurement:
        files = size_mb(folder)
        papers = _SEAL_BYTES + _ROW_BYTES * len(self.brief.require)
        papers += sum(len(label.encode()) + 8 for label in self.material.valid.labels)
        value = files + papers / 1e6
        return Measurement(
            metric="size_mb", value=value, low=value, high=value, n=1, confidence=confidence_of(self.brief, "size_mb"),
            conditions=f"{files:.3f} MB unsealed, plus {papers / 1e6:.3f} MB reserved for contract, card and manifest",
        )  # fmt: skip

    def _too_large(self, size: float) -> str:
        limits = [need.limit for need in self.brief.require if need.metric == "size_mb"]
        if limits and size > FAR_ABOVE * min(limits):
            return f"{size:.1f} MB is far above the limit of {min(limits):g} MB; it was not timed"
        return ""

    def _variant(self, built: Built, *, rejected: str) -> Variant:
        empty = np.zeros((0, len(self.material.valid.labels)), dtype=np.float32)
        return Variant(
            name=built.name, trial=built.trial.number, backbone=built.trial.backbone.name,
            passes=tuple(step.label for step in built.steps),
            bundle=built.bundle, measurements=(), probabilities=self.run.workspace.put_array(empty),
            unknown_tokens=0.0, truncated=0.0, rejected=rejected,
        )  # fmt: skip


def wanted_metrics(brief: Brief) -> dict[str, float]:
    """Quality metrics to measure → confidence: those always shown, required, weighed, or looked at by the market."""
    named = [*ALWAYS, *(need.metric for need in brief.require), *brief.weights]
    named += [spec.metric for spec in brief.market.attributes.values() if spec.metric]
    return {metric: confidence_of(brief, metric) for metric in dict.fromkeys(named) if METRICS[metric].of_test_rows}


def confidence_of(brief: Brief, metric: str) -> float:
    """The highest confidence at which a metric is required, else the default."""
    return max((need.confidence for need in brief.require if need.metric == metric), default=DEFAULT_CONFIDENCE)


def _with_papers(parts: Mapping[str, float], *, total: float) -> dict[str, float]:
    """What is reserved for contract, card and manifest counts among the other files."""
    return {**parts, FILES: parts[FILES] + total - sum(parts.values())}


def _probabilities(folder: Path, inputs: Sequence[object]) -> FloatMatrix:
    """What the bundle on disk says; all cores, since the number of threads does not change the answers."""
    return load_unsealed(folder, threads=os.cpu_count() or 1).probabilities(inputs)
