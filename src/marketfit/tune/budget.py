"""Minutes become trials once: an account in estimated seconds.

Seconds per epoch of each (backbone, method) are estimated from a few real steps when they are first asked for, and
recorded; from then on the budget is spent in those seconds and not by the clock, so that a resumed run does what an
undisturbed one would. A probe's cost is known when it is done: the ledger has its seconds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from marketfit.errors import InputError, RunError
from marketfit.records.models import Backbone, Recipe
from marketfit.tune.bench import Bench
from marketfit.tune.trial import reason_of

_OVERHEAD = 3.0  # seconds: loading, tokenising, writing
_FORWARD = 1.0 / 3.0  # cost of scoring a row, as a part of training on it


@dataclass
class Account:
    """What the budget still holds, in trials and in estimated seconds."""

    bench: Bench
    trials: int
    seconds: float
    spent: float = 0.0
    used: int = 0
    probes: dict[str, float] = field(default_factory=dict)  # backbone → seconds of its probe

    def cost(self, backbone: Backbone, recipe: Recipe) -> float | str:
        """Estimated seconds of a trial, or why they can't be estimated. 0 for a probe that was never run."""
        probe = self.probes.get(backbone.name, 0.0)
        if recipe.method == "probe":
            return probe
        each = self._seconds_per_epoch(backbone, recipe)
        if isinstance(each, str):
            return each
        material = self.bench.material
        scoring = _FORWARD * len(material.valid) / max(1, len(material.train))
        return (recipe.epochs + scoring) * each + probe + _OVERHEAD

    def fits(self, cost: float, *, reserve: float | None = None) -> bool:
        """Whether a trial of this cost fits, beside one that room is kept for."""
        trials = self.used + 1 + (reserve is not None)
        return trials <= self.trials and self.spent + cost + (reserve or 0.0) <= self.seconds

    def pay(self, cost: float) -> None:
        """Take a trial out of the budget."""
        self.used += 1
        self.spent += cost

    def learn(self, backbone: Backbone, seconds: float) -> None:
        """Pay a probe that was done at an unknown cost, and note it: every training of its backbone starts with one."""
        self.probes[backbone.name] = seconds
        self.spent += seconds

    def _seconds_per_epoch(self, backbone: Backbone, recipe: Recipe) -> float | str:
        bench = self.bench
        key = f"budget/{bench.study}/{backbone.digest()[:32]}/{recipe.method}"
        known = bench.run.ledger.fact(key)
        if known is None:
            known = bench.run.ledger.decide_once(key, _estimate(bench, backbone, recipe))
        if isinstance(known, str):
            return known
        if not isinstance(known, int | float):
            raise RunError(f"the ledger's fact {key} is {known!r}, which is no number of seconds")
        return float(known)


def _estimate(bench: Bench, backbone: Backbone, recipe: Recipe) -> float | str:
    with bench.run.reporter.task(f"time of an epoch: {recipe.method} of {backbone.name}"):
        try:
            found = float(bench.trainer.seconds_per_epoch(backbone, recipe, bench.material.train, base=bench.base))
        except InputError:
            raise
        except Exception as error:  # the trial that could not even begin is recorded as failed, with this reason
            return reason_of(error)
    return found if math.isfinite(found) and found >= 0 else f"an epoch was estimated at {found} seconds"
