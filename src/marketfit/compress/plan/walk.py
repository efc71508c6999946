"""The walk through a plan: the standard variants of each finalist, then whatever is worth most for its seconds.

Trials are numbered in the order in which they are made. Each choice depends on the recorded trials before it, on the
seed and on the budget; a trial that is recorded is read back and never made again, so a resumed plan goes on where it
was.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from marketfit.brief import Brief
from marketfit.compress.build import Built, beginnings, variant_name
from marketfit.compress.order import PassStep, Steps, sequences
from marketfit.compress.plan.account import UNMET, Account
from marketfit.compress.plan.bench import Bench, Tried
from marketfit.compress.plan.front import FloatArray
from marketfit.compress.plan.predict import Candidate, Known, predict
from marketfit.compress.plan.value import FRONT_SHARE, Judge
from marketfit.contract import METRICS
from marketfit.records.models import Trial
from marketfit.records.variants import Untaken, Untried

WORTH = FRONT_SHARE / 10
"""A candidate whose gain is smaller is not made, whatever the budget: a chance of a tenth to join the Pareto set."""


@dataclass(frozen=True, eq=False)
class Planned:
    """All that was tried, in order, and all that was not."""

    tried: tuple[Tried, ...]
    untried: tuple[Untried, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class _View:
    """What is known of the candidates at one moment: gains and seconds (candidates,), and why some can't win."""

    candidates: Sequence[Candidate]
    gains: FloatArray
    costs: FloatArray
    hopeless: Sequence[str]

    def best(self, *, left: float) -> Candidate | None:
        """The largest gain for its seconds among those that fit and are worth it; the first of equal ones."""
        possible = (self.costs <= left) & (self.gains >= WORTH) & np.array([not why for why in self.hopeless])
        if not possible.any():
            return None
        rates = np.where(possible, self.gains / np.maximum(self.costs, 1e-3), -1.0)
        return self.candidates[int(np.argmax(rates))]


@dataclass
class Walk:
    """One pass through the plan.

    Where a plan goes on, `made` names the variants that it has made, and `failed` those of them that were timed for
    good and can't ship, each with its figures, which count in place of a look's.
    """

    bench: Bench
    account: Account
    brief: Brief
    finalists: Mapping[int, Trial]
    made: Collection[str] = ()
    failed: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    tried: list[Tried] = field(default_factory=list)
    refused: dict[tuple[int, tuple[str, ...]], str] = field(default_factory=dict)  # beginning → why not

    def through_standard(self) -> None:
        """Of each finalist the plain export, and then one standard pass after the other on top of it."""
        for trial in self.finalists.values():
            steps: Steps = ()
            done = self._make(trial, steps, pays=False)
            for item in self.bench.builder.passes.values():
                if done is None or not done.variant.bundle.files:
                    break  # what can't be written can't be compressed
                if item.works.role == "standard":
                    longer = (*steps, PassStep(name=item.name))
                    made = self._make(trial, longer, pays=False)
                    done, steps = (made, longer) if made is not None else (done, steps)

    def through_plan(self) -> Planned:
        """Further variants until nothing is worth its seconds, or trials or seconds are used up."""
        standard = len(self.tried)
        open_ = self._candidates() if self.account.trials else []
        self._recall(open_)
        known = self.bench.recorded()
        while (row := known.get(len(self.tried))) is not None and row.variant.name in self.made:
            self._take(self.finalists[row.trial], row, pays=True)  # whatever the budget is by now
        while self.account.used < self.account.all_trials:
            row = known.get(len(self.tried))
            if row is not None and self.account.left > 0:
                self._take(self.finalists[row.trial], row, pays=True)
                continue
            view = self._view(self._left(open_))
            chosen = view.best(left=self.account.left) if view is not None else None
            if chosen is None:
                break
            self._make(self.finalists[chosen.trial], chosen.steps, pays=True)
        untried = tuple(self._untried(open_))
        return Planned(tuple(self.tried), untried, (self._note(standard, untried),) if self.account.trials else ())

    def _make(self, trial: Trial, steps: Steps, *, pays: bool) -> Tried | None:
        """The next trial, read back or made; None where a pass does not apply."""
        number = len(self.tried)
        made: Tried | Built | None = self.bench.recorded().get(number)
        if not isinstance(made, Tried) or made.candidate != Candidate(trial.number, steps):
            made = self.bench.attempt(number, trial, steps)
        if not isinstance(made, Tried):
            self.refused[trial.number, _labels(made.refused)] = made.failure
            return None
        self._take(trial, made, pays=pays)
        return made

    def _take(self, trial: Trial, tried: Tried, *, pays: bool) -> None:
        tried = self._corrected(tried)
        self.tried.append(tried)
        self.account.learn(trial, tried, pays=pays)
        self.account.kept = self._keeps()
        if not tried.variant.bundle.files:
            failed = beginnings(tried.steps, self.bench.builder.stage_of)[len(tried.costs) - 1][0]
            self.refused[trial.number, _labels(failed)] = f"begins with what failed: {tried.variant.rejected}"

    def _corrected(self, tried: Tried) -> Tried:
        """With the figures of its timing or, where it was only looked at, those that a timing is expected to give."""
        timed = self.failed.get(tried.variant.name)
        if timed is None:
            timed = {name: value * self._drift.get(name, 1.0) for name, value in tried.figures.items()}
        return tried.model_copy(update={"figures": {**tried.figures, **timed}}) if tried.figures else tried

    @cached_property
    def _drift(self) -> dict[str, float]:
        """Metric of processes → the median of what the timing gave for what a look had given. A machine has slow
        minutes: what looked good enough in a fast one is no reason to stop.
        """
        ratios: dict[str, list[float]] = {}
        for row in self.bench.recorded().values():
            for name, value in self.failed.get(row.variant.name, {}).items():
                if METRICS[name].evidence == "process" and row.figures.get(name, 0.0) > 0:
                    ratios.setdefault(name, []).append(value / row.figures[name])
        return {name: statistics.median(found) for name, found in ratios.items()}

    def _candidates(self) -> list[Candidate]:
        """Every sequence that the passes find worth trying on a finalist that could be written."""
        written = {row.trial for row in self.tried if not row.steps and row.variant.bundle.files}
        menus = {number: self.bench.builder.menu(self.finalists[number]) for number in sorted(written)}
        return [
            Candidate(number, steps)
            for number, menu in menus.items()
            for steps in sequences(menu, taught=self.bench.builder.is_taught(self.finalists[number]))
        ]

    def _recall(self, candidates: Sequence[Candidate]) -> None:
        """Refusals of a plan that was interrupted: they are no trials, so no row of the study tells of them."""
        parts = {(c.trial, c.labels[:length]): c.steps[:length] for c in candidates for length in _lengths(c)}
        for place, steps in parts.items():
            why = self.bench.builder.known_refusal(self.finalists[place[0]], steps)
            if why:
                self.refused[place] = why

    def _left(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        """Those that are neither tried nor refused."""
        done = {(row.trial, row.candidate.labels) for row in self.tried}
        return [c for c in candidates if (c.trial, c.labels) not in done and not self._refusal(c)]

    def _view(self, left: Sequence[Candidate]) -> _View | None:
        """What is known of these candidates; None where nothing can be said of any."""
        known, judge = self._known()
        if not left or not known:
            return None
        prediction = predict(known, left, judge.metrics, rewrites=self.bench.builder.rewrites)
        seed = self.bench.run.seed_for("compress", "plan", len(self.tried))
        return _View(
            candidates=left,
            gains=judge.gains(prediction, known, seed=seed),
            costs=np.array([self.account.cost(self.finalists[c.trial], c.steps) for c in left]),
            hopeless=judge.hopeless(prediction, known),
        )

    def _known(self) -> tuple[list[Known], Judge]:
        judge = Judge.of(self.brief, [row.variant.measurements for row in self.tried])
        seen = [row for row in self.tried if all(metric in row.figures for metric in judge.metrics)]
        return [replace(row.known, failed=row.variant.name in self.failed) for row in seen], judge

    def _keeps(self) -> bool:
        """Whether a measured variant keeps the contract, as far as a look can tell where it was not timed."""
        known, judge = self._known()
        return bool(judge.kept_by(known).any())

    def _refusal(self, candidate: Candidate) -> str:
        """Why a pass does not apply in it, or failed, as far as it is known."""
        parts = (candidate.labels[:length] for length in _lengths(candidate))
        return next((why for part in parts if (why := self.refused.get((candidate.trial, part), ""))), "")

    def _untried(self, candidates: Sequence[Candidate]) -> list[Untried]:
        made = {(row.trial, row.candidate.labels) for row in self.tried}
        found = [
            self._line(c, "does not apply", why)
            for c in candidates
            if (c.trial, c.labels) not in made and (why := self._refusal(c))
        ]
        left = self._left(candidates)
        view = self._view(left)
        if view is None:
            return found + [
                self._line(c, "unlikely", "no variant was measured that it could be judged by") for c in left
            ]
        return found + [self._judged(c, view, place) for place, c in enumerate(left)]

    def _judged(self, candidate: Candidate, view: _View, place: int) -> Untried:
        gain, cost = float(view.gains[place]), float(view.costs[place])
        line = self._line(candidate, *self._why(view, place, gain, cost))
        return line.model_copy(update={"gain": gain, "seconds": None if math.isinf(cost) else cost})

    def _why(self, view: _View, place: int, gain: float, cost: float) -> tuple[Untaken, str]:
        if view.hopeless[place]:
            return "cannot win", view.hopeless[place]
        if gain < WORTH:
            return "unlikely", f"its gain is expected to be {gain:.4f}, below {WORTH:g}"
        if math.isinf(cost):
            return "over budget", "nobody can say how long it takes"
        if cost > self.account.left:
            return "over budget", f"takes about {cost:.0f} s, {max(0.0, self.account.left):.0f} s are left"
        return "over budget", f"all {self.account.all_trials} further trials are used"

    def _line(self, candidate: Candidate, why: Untaken, reason: str) -> Untried:
        name = variant_name(self.finalists[candidate.trial], candidate.steps)
        return Untried(name=name, passes=candidate.labels, why=why, reason=reason)

    def _note(self, standard: int, untried: Sequence[Untried]) -> str:
        account = self.account
        why = "" if account.kept else f" ({UNMET} times the budget: nothing keeps the contract)"
        return (
            f"Plan: {standard} standard variants, then {account.used} of at most {account.all_trials} further ones in "
            f"{account.spent:.0f} of {account.all_seconds:.0f} s{why}; {len(untried)} other sequences of passes were "
            "not made."
        )


def _lengths(candidate: Candidate) -> range:
    """Of all its beginnings, itself included."""
    return range(1, len(candidate.steps) + 1)


def _labels(steps: Steps) -> tuple[str, ...]:
    return tuple(step.label for step in steps)
