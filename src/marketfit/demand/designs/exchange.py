"""Local search for an efficient design: swaps and exchanges of levels that keep the balance and the rules.

Coordinate exchange (Meyer & Nachtsheim 1995; Kessels, Jones, Goos & Vandebroek 2009) and swapping (Huber & Zwerina
1996; Sándor & Wedel 2001). A level is exchanged only where the balance of ±1 stays; otherwise two alternatives of a
version swap theirs.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from marketfit.demand.arrays import BoolArray, FloatArray, IntArray
from marketfit.demand.designs.coded import Rows
from marketfit.demand.designs.information import information
from marketfit.demand.designs.moves import Moves, options_of
from marketfit.demand.designs.rules import Rules
from marketfit.demand.designs.space import DesignSpace
from marketfit.demand.designs.taskgain import d_errors

RIDGE = 1e-7
"""Added to the diagonal of the information, so that a design that does not identify everything yet can be improved."""
LEAST_GAIN = 1e-7  # of the log of the D-error: below it is rounding
LEAST_PASS_GAIN = 1e-4  # a pass over all versions that gains less is the last
FAILURES = 25  # swaps in a row that promised a gain and had none, after which a version is left alone
PASSES = 40


class Exchange:
    """Improves one design in place; `value` is the log of its D-error over the draws, in scaled columns."""

    def __init__(self, space: DesignSpace, rows: Rows, draws: FloatArray, codes: IntArray) -> None:
        self.codes = codes
        self._space, self._rows, self._rules = space, rows, Rules.of(space)
        # Columns of like size: the ridge then means the same for all of them.
        self._scales = rows.spans()
        self._draws = draws * self._scales
        self._options = options_of(space, self._rules)
        self._information = self._total()
        self.value = self._log_d_error(self._information)

    def run(self, rng: np.random.Generator, progress: Callable[[float], None]) -> None:
        """Pass over all versions until a pass gains next to nothing."""
        for number in range(PASSES):
            before = self.value
            for done, version in enumerate(rng.permutation(self._space.versions).tolist()):
                self._improve(version)
                progress(1 - 0.6 ** (number + (done + 1) / self._space.versions))
            self._information = self._total()  # what rounding has added up is dropped
            self.value = self._log_d_error(self._information)
            if before - self.value < LEAST_PASS_GAIN:
                return

    def _total(self) -> FloatArray:
        found = self._of_tasks(self.codes.reshape(-1, *self.codes.shape[2:]))
        return found + RIDGE * np.eye(found.shape[1])

    def _of_tasks(self, tasks: IntArray) -> FloatArray:
        return information(self._rows(tasks) / self._scales, self._draws, none=self._space.none)

    def _log_d_error(self, matrices: FloatArray) -> float:
        logs = np.linalg.slogdet(matrices)[1] / matrices.shape[1]
        return float(np.log(np.exp(-logs).mean()))

    def _improve(self, version: int) -> None:
        """Changes within single tasks first, then swaps between tasks, the most promising first."""
        moves = Moves.of(self.codes[version], self._options)
        gains = np.empty((self._space.tasks, self._space.alternatives, moves.count))
        for task in range(self._space.tasks):
            moves, gains[task] = self._improve_task(version, task, moves)
        failures = 0
        ranked = self._ranked(moves, gains)
        while failures < FAILURES and failures < len(ranked):
            unit, one, other = ranked[failures]
            changed = moves.swapped(self.codes[version], unit, one, other)
            tasks = sorted({one // self._space.alternatives, other // self._space.alternatives})
            # What tied attributes have elsewhere may have changed since the gains were computed: the rules are asked.
            if self._rules.broken(changed[tasks]).any() or not self._accept(version, tasks, changed[tasks]):
                failures += 1
                continue
            moves = Moves.of(self.codes[version], self._options)
            for task in tasks:
                moves, gains[task] = self._improve_task(version, task, moves)
            ranked, failures = self._ranked(moves, gains), 0

    def _improve_task(self, version: int, task: int, moves: Moves) -> tuple[Moves, FloatArray]:
        """Take the best change within a task until none helps; the moves that follow, and the (alternatives, values)
        change of the log D-error by every single change of it.
        """
        while True:
            shown = self.codes[version, task]
            changes = moves.changes(shown, task)
            candidates = np.concatenate([changes.singles, changes.swaps])
            codes = changes.variants[candidates]
            others = self._information - self._of_tasks(shown[None])
            places = np.repeat(np.arange(len(shown)), moves.count)
            rows = self._rows.at(changes.variants, places) / self._scales
            errors = d_errors(rows, candidates, self._draws, others, none=self._space.none)
            gains = np.round(np.log(errors) - self.value, 10)  # rounded, so that ties fall alike on every machine
            gains[self._rules.broken(codes)] = np.inf
            singles = gains[: len(changes.singles)].reshape(len(shown), moves.count).copy()
            gains[: len(changes.singles)][~self._balanced(version, shown, moves).ravel()] = np.inf
            best = int(np.argmin(gains))
            if not gains[best] < -LEAST_GAIN or not self._accept(version, [task], codes[best][None]):
                return moves, singles
            moves = Moves.of(self.codes[version], self._options)

    def _balanced(self, version: int, shown: IntArray, moves: Moves) -> BoolArray:
        """(alternatives, values) whether exchanging a level of the task for another keeps the balance: only where the
        level is shown more often than the other, in the version and over all.
        """
        allowed = np.zeros((len(shown), moves.count), dtype=np.bool_)
        for unit, start in zip(moves.units, moves.starts, strict=True):
            if len(unit) > 1:
                continue
            size, own = self._space.sizes[unit[0]], shown[:, unit[0]]
            more = np.ones((len(shown), size), dtype=np.bool_)
            for codes in (self.codes[version], self.codes):
                counts = np.bincount(codes[..., unit[0]].ravel(), minlength=size)
                more &= counts[own][:, None] > counts
            allowed[:, start : start + size] = more
        return allowed

    def _ranked(self, moves: Moves, gains: FloatArray) -> list[tuple[int, int, int]]:
        """(unit, cell, cell) of the swaps between tasks that promise most, as if their two changes did not interact."""
        flat = gains.reshape(-1, moves.count)
        task = np.repeat(np.arange(self._space.tasks), self._space.alternatives)
        promise = np.empty((len(moves.units), len(flat), len(flat)))
        for unit, own in enumerate(moves.own):
            one_way = flat[:, own.ravel()]
            held = moves.values[unit][own.ravel() - moves.starts[unit]]
            apart = (held[:, None] != held).any(axis=2) & (task[:, None] < task)
            promise[unit] = np.where(apart, one_way + one_way.T, np.inf)
        best = np.argsort(np.round(promise, 10), axis=None, kind="stable")[:FAILURES]
        best = best[np.isfinite(promise.ravel()[best])]
        return list(zip(*(index.tolist() for index in np.unravel_index(best, promise.shape)), strict=True))

    def _accept(self, version: int, tasks: list[int], codes: IntArray) -> bool:
        """Put codes, (tasks, alternatives, attributes), in the place of tasks of a version if that is a gain."""
        change = self._of_tasks(codes) - self._of_tasks(self.codes[version, tasks])
        value = self._log_d_error(self._information + change)
        if not self.value - value > LEAST_GAIN:
            return False
        self.codes[version, tasks] = codes
        self._information += change
        self.value = value
        return True
