"""The budget of a plan, in trials and in seconds that are on record.

Minutes become seconds once; what a trial took is paid as its row has it, what one will take is estimated from such
rows and, for passes that train, by the pass itself, once. So a resumed plan spends what an undisturbed one would.

A refusal for want of seconds is the worst that a plan can end with: while nothing that was measured keeps the contract,
the budget is `UNMET` times that of the brief.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, field

from marketfit.compress.build import Builder, beginnings
from marketfit.compress.order import PassStep, Steps
from marketfit.compress.passes import Stage
from marketfit.compress.plan.bench import Tried
from marketfit.measure.process_metrics import PROCESSES, REQUESTS
from marketfit.records.models import Trial

UNMET = 5
"""How many times the trials and seconds of the brief a plan may use while no variant keeps the contract."""

_USUAL = 2.0  # seconds of a pass that fits nothing, of an export or of a look, before one was seen
_PROCESS = 1.2  # seconds of a fresh process beside its single requests
_EXPORT = ""  # stands for the export among the names of passes

_Place = tuple[int, tuple[str, ...], Stage]


@dataclass
class Account:
    """What the budget still holds, and what is known of costs.

    trials, seconds: those of the brief. kept: whether a variant is known that keeps the contract.
    """

    builder: Builder
    trials: int
    seconds: float
    kept: bool = False
    used: int = 0
    spent: float = 0.0
    made: set[_Place] = field(default_factory=set)
    seen: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))  # pass → seconds
    ratios: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))  # pass → log(seconds / estimate)
    looks: list[float] = field(default_factory=list)
    estimates: dict[tuple[int, str], float] = field(default_factory=dict)  # of passes that train

    @property
    def all_trials(self) -> int:
        """Trials that may be used as things stand."""
        return self.trials if self.kept else UNMET * self.trials

    @property
    def all_seconds(self) -> float:
        """Seconds that may be spent as things stand."""
        return self.seconds if self.kept else UNMET * self.seconds

    @property
    def left(self) -> float:
        """Seconds that are left; below 0 where the contract was kept late."""
        return self.all_seconds - self.spent

    def cost(self, trial: Trial, steps: Steps) -> float:
        """Estimated seconds of what is not made yet, of a look and of its part in the last timing.

        Infinite where a pass can't say what it takes.
        """
        found = _mean(self.looks, otherwise=_USUAL)
        for applied, stage in beginnings(steps, self.builder.stage_of):
            if (trial.number, _labels(applied), stage) not in self.made:
                found += self._one(trial, applied, stage)
        return found

    def learn(self, trial: Trial, tried: Tried, *, pays: bool) -> None:
        """Take what a trial took as known; `pays`: out of the budget."""
        total = look = tried.measuring + last_timing(tried)
        self.looks.append(look)
        for (applied, stage), seconds in zip(beginnings(tried.steps, self.builder.stage_of), tried.costs, strict=False):
            place = (trial.number, _labels(applied), stage)
            if place in self.made:
                continue
            self.made.add(place)
            total += seconds
            name = self._name(applied, stage)
            self.seen[name].append(seconds)
            if self._trains(name):
                estimate = self._estimate(trial, applied[-1])
                if math.isfinite(estimate) and min(estimate, seconds) > 0:
                    self.ratios[name].append(math.log(seconds / estimate))
        if pays:
            self.used += 1
            self.spent += total

    def _one(self, trial: Trial, applied: Steps, stage: Stage) -> float:
        name = self._name(applied, stage)
        if not self._trains(name):
            return _mean(self.seen[name], otherwise=_USUAL)
        return self._estimate(trial, applied[-1]) * math.exp(_mean(self.ratios[name], otherwise=0.0))

    def _estimate(self, trial: Trial, step: PassStep) -> float:
        """What the pass itself says, infinite where it can't; asked for once."""
        place = trial.number, step.label
        if place not in self.estimates:
            said = self.builder.estimate(trial, step)
            self.estimates[place] = math.inf if isinstance(said, str) else said
        return self.estimates[place]

    def _name(self, applied: Steps, stage: Stage) -> str:
        return applied[-1].name if applied and self.builder.stage_of(applied[-1]) == stage else _EXPORT

    def _trains(self, name: str) -> bool:
        return name != _EXPORT and self.builder.passes[name].works.trains


def last_timing(tried: Tried) -> float:
    """Seconds that a variant will take in the interleaved timing at the end, where it comes that far."""
    single = tried.figures.get("latency_p50_ms")
    return 0.0 if single is None else PROCESSES * (_PROCESS + REQUESTS * single / 1000.0)


def _mean(values: list[float], *, otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise


def _labels(steps: Steps) -> tuple[str, ...]:
    return tuple(step.label for step in steps)
