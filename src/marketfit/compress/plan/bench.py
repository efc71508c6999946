"""The bench of the plan: where variants are made, scored and looked at, and the only place that records them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from marketfit.compress.build import Builder, Built
from marketfit.compress.order import PassStep, Steps
from marketfit.compress.plan.predict import Candidate, Known
from marketfit.compress.score import Scorer
from marketfit.engine import Run
from marketfit.ledger import TrialRow
from marketfit.records import Record, Trial, Variant

Glance = Callable[[Variant], Mapping[str, float] | str]
"""What a short look at a variant's speed gives: metric → value, or why it failed."""


class Tried(Record):
    """A sequence of passes that was made, or failed: one row of the ledger.

    `figures` of a sound variant: metric → value of everything that was seen. `costs`: seconds of each of its
    beginnings, `measuring`: seconds of scoring it and of the look.
    """

    trial: int
    steps: tuple[PassStep, ...]
    variant: Variant
    figures: Mapping[str, float]
    costs: tuple[float, ...]
    measuring: float

    @property
    def candidate(self) -> Candidate:
        """What was tried."""
        return Candidate(self.trial, self.steps)

    @property
    def known(self) -> Known:
        """The same as a prediction takes it."""
        return Known(self.variant.name, self.candidate, self.figures)


@dataclass(frozen=True, eq=False)
class Bench:
    """What all trials of a plan share."""

    study: str
    builder: Builder
    scorer: Scorer
    look: Glance
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
        variant, figures = self.scorer.variant(built), dict[str, float]()
        if variant.measurements:  # far too large a one too: what it says of the passes helps to find a smaller one
            seen = self.look(variant)
            if isinstance(seen, str):
                variant = variant.model_copy(update={"rejected": variant.rejected or seen})
            else:
                figures = {item.metric: item.value for item in variant.measurements} | dict(seen)
        seconds = time.monotonic() - began
        tried = Tried(
            trial=trial.number, steps=steps, variant=variant, figures=figures, costs=built.costs, measuring=seconds
        )
        row = TrialRow(
            number=number,
            status="failed" if built.failure else "complete",
            record=tried.model_dump_json(),
            seconds=seconds + sum(built.costs),
        )
        self.run.ledger.put_trial(self.study, row, run=self.run.id)
        return tried
