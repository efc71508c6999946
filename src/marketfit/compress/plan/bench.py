"""The bench of the plan: where variants are made, scored and looked at, and the only place that records them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from marketfit.compress.build import Builder, Built
from marketfit.compress.order import PassStep, Steps
from marketfit.compress.plan.predict import Candidate, Known
from marketfit.compress.score import Scorer
from marketfit.engine import Run
from marketfit.ledger import TrialRow
from marketfit.records.base import Folder, Record
from marketfit.records.bundle import Engine
from marketfit.records.models import Trial
from marketfit.records.variants import Variant

Glance = Callable[[Variant], Mapping[str, float] | str]
"""What a short look at a variant's speed gives: metric → value, or why it failed."""

Engines = Callable[[Folder], Sequence[Engine]]
"""The engines that can run a bundle here, onnxruntime first."""


_SPEED = "latency_p50_ms"  # by which an engine is chosen


class Tried(Record):
    """A sequence of passes that was made, or failed: one row of the ledger.

    `figures` of a sound variant: metric → value of everything that was seen. `costs`: seconds of each of its
    beginnings, `measuring`: seconds of scoring it and of the look. `engines`: a line on each engine beside onnxruntime.
    """

    trial: int
    steps: tuple[PassStep, ...]
    variant: Variant
    figures: Mapping[str, float]
    costs: tuple[float, ...]
    measuring: float
    engines: tuple[str, ...] = ()

    @property
    def candidate(self) -> Candidate:
        """What was tried."""
        return Candidate(self.trial, self.steps)

    @property
    def known(self) -> Known:
        """The same as a prediction takes it."""
        return Known(self.variant.name, self.candidate, self.figures, {"size_mb": self.variant.sizes})


@dataclass(frozen=True, eq=False)
class Bench:
    """What all trials of a plan share."""

    study: str
    builder: Builder
    scorer: Scorer
    look: Glance
    engines: Engines
    run: Run

    def recorded(self) -> dict[int, Tried]:
        """The finished trials of this study, by number."""
        return {row.number: Tried.model_validate_json(row.record) for row in self.run.ledger.trials(self.study)}

    def attempt(self, number: int, trial: Trial, steps: Steps) -> Tried | Built:
        """Make a variant, score it, look at its speed, and record all that; what does not apply is no trial."""
        built = self.builder.build(trial, steps)
        if built.refused:
            return built
        began = time.monotonic()
        variant, figures, told = self._with_best_engine(built)
        seconds = time.monotonic() - began
        tried = Tried(
            trial=trial.number, steps=steps, variant=variant, figures=figures, costs=built.costs, measuring=seconds,
            engines=told,
        )  # fmt: skip
        row = TrialRow(
            number=number,
            status="failed" if built.failure else "complete",
            record=tried.model_dump_json(),
            seconds=seconds + sum(built.costs),
        )
        self.run.ledger.put_trial(self.study, row, run=self.run.id)
        return tried

    def _with_best_engine(self, built: Built) -> tuple[Variant, dict[str, float], tuple[str, ...]]:
        """The variant with the engine that is fastest for it, of those that answer as well as onnxruntime does.

        Engines round differently: what is scored is what the engine says.
        """
        variant, figures = self._seen(built, "onnxruntime")
        told, least = [], variant.measured("accuracy")
        for engine in self.engines(built.bundle)[1:] if _SPEED in figures else ():
            try:
                other, seen = self._seen(built, engine)
            except Exception as error:  # an engine fails in its own ways; it is a candidate less, with its reason
                told.append(f"{built.name} does not run with {engine}: {' '.join(str(error).split())[:200]}")
                continue
            told.append(f"{built.name} with {engine}: {_compared(other, seen, figures)}")
            found = other.measured("accuracy")
            if seen and found and least and found.value >= least.low and seen[_SPEED] < figures[_SPEED]:
                variant, figures = other, seen
        return variant, figures, tuple(told)

    def _seen(self, built: Built, engine: Engine) -> tuple[Variant, dict[str, float]]:
        """Scored and looked at; no figures where either fails."""
        variant = self.scorer.variant(built, engine=engine)
        if not variant.measurements:  # a far too large one has some: what it says of the passes helps to find a smaller
            return variant, {}
        seen = self.look(variant)
        if isinstance(seen, str):
            return variant.model_copy(update={"rejected": variant.rejected or seen}), {}
        return variant, variant.figures | dict(seen)


def _compared(variant: Variant, seen: Mapping[str, float], before: Mapping[str, float]) -> str:
    if not seen:
        return variant.rejected
    return (
        f"{seen[_SPEED]:.3g} ms at the median and an accuracy of {seen['accuracy']:.4g}, {before[_SPEED]:.3g} ms and "
        f"{before['accuracy']:.4g} with onnxruntime (in short looks)"
    )
