"""Which trials there are, and which of them fit into the budget.

Trials have fixed numbers: first the defaults (the probe on every kept backbone, full fine-tuning on every kept
backbone, best first, LoRA on the best one that takes it), then the search. One that does not fit is skipped and a
later, cheaper one may still fit; its number stays unused.

One full fine-tuning is kept room for, in trials and in minutes. Where none fits as a whole, the one of which the
largest part fits is cut to as many passes as fit: on a busy or slow machine fewer passes beat none. It has a number of
its own, so that the same study with more minutes trains it as a whole.

Trials that run at the same time make up a generation. The budget counts what they are estimated to take one by one.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field

from marketfit.records.models import Backbone, Recipe, TermSpec, Trial
from marketfit.tune.bench import Bench, Slot
from marketfit.tune.budget import Account
from marketfit.tune.defaults import Method, default_recipe
from marketfit.tune.ranking import RankBy, best_first, search_values
from marketfit.tune.search import Arm, Space, propose


def default_slots(backbones: Sequence[Backbone], *, rows: int, terms: tuple[TermSpec, ...]) -> tuple[Slot, ...]:
    """The trials that every study plans first."""
    wanted: list[tuple[Backbone, Method]] = [(b, "probe") for b in backbones if "probe" in b.methods]
    wanted += [(b, "full") for b in backbones if "full" in b.methods]
    wanted += [(b, "lora") for b in backbones if "lora" in b.methods][:1]
    return tuple(
        Slot(number, backbone, default_recipe(backbone, method, rows=rows, terms=terms))
        for number, (backbone, method) in enumerate(wanted)
    )


_CUT = 1000
"""Numbers of trainings that are cut: so many for each default one, the passes added; no search gets there."""


@dataclass
class Walk:
    """One pass through the plan: trials are run, or read back, in the order of their numbers.

    They run in generations of up to `width` trials. A generation is chosen as a whole before any of it runs: from the
    trials of the generations before it, and from what the budget holds when the estimated cost of its own trials is
    taken out. So it does not matter which of them ends first, and a resumed run chooses the same again.
    """

    bench: Bench
    account: Account
    metric: RankBy
    width: int = 1
    trials: list[Trial] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    chosen: dict[int, tuple[Slot, float]] = field(default_factory=dict)  # the generation: number → slot, paid cost

    def through_defaults(self, slots: Sequence[Slot]) -> None:
        """The default recipes, with room kept for one full fine-tuning."""
        reserved = self._first_full(slots)
        waiting = reserved is not None
        for slot in slots:
            if self._waits_for_a_probe(slot):
                self._run_generation()
            cost = self.account.cost(slot.backbone, slot.recipe)
            if isinstance(cost, str):
                self._take(dataclasses.replace(slot, failed=cost), 0.0)
            elif reserved is not None and slot.number == reserved.stands_for:
                waiting = False
                # It fits the whole budget; probes may have taken a little of its room.
                self._take(reserved.slot, self._cost_of(reserved))
            elif self.account.fits(cost, reserve=self._reserve(reserved) if waiting else None):
                self._take(slot, cost)
            else:
                self.notes.append(
                    f"Skipped {slot.title}: it does not fit into what is left of the budget{_about(cost)}."
                )
        self._run_generation()

    def through_search(self, space: Space, *, first: int) -> None:
        """Proposals by the search until trials or minutes are used up."""
        known = self.bench.recorded()
        number = first
        while self.account.used < self.account.trials:
            slot = self._recorded_slot(number) if number in known else self._proposed_slot(space, number)
            if slot is None:
                self.notes.append("Search: no further recipe was found that fits into what is left of the budget.")
                break
            cost = self.account.cost(slot.backbone, slot.recipe)
            if isinstance(cost, str) or not self.account.fits(cost):
                break
            self._take(slot, cost)
            number += 1
        self._run_generation()
        self.notes.append(
            f"{self.account.used} of {self.account.trials} trials and {self.account.spent / 60:.1f} of "
            f"{self.account.seconds / 60:g} minutes (estimated) used; "
            f"the search proposed {number - first} of the trials."
        )
        if self.width > 1:
            self.notes.append(
                f"Up to {self.width} trials ran at the same time; what they are estimated to take one by one was paid."
            )

    def _take(self, slot: Slot, cost: float) -> None:
        """Choose a trial for the generation and pay for it; a generation that is full runs."""
        self.account.pay(cost)
        self.chosen[slot.number] = (slot, cost)
        if len(self.chosen) == self.width:
            self._run_generation()

    def _run_generation(self) -> None:
        """Run those that are not in the ledger, then read all of them back in their order."""
        known = self.bench.recorded()
        self.bench.attempt([slot for slot, _ in self.chosen.values() if slot.number not in known])
        known = self.bench.recorded()
        for slot, cost in self.chosen.values():
            trial, seconds = known[slot.number]
            if slot.recipe.method == "probe" and cost == 0.0:
                # Only now is its cost known. It is paid as the ledger has it, so a resumed run pays the same.
                self.account.learn(slot.backbone, seconds)
            self.trials.append(trial)
        self.chosen.clear()

    def _waits_for_a_probe(self, slot: Slot) -> bool:
        """A training begins with the probe of its backbone: it costs what that is found to cost."""
        return any(
            cost == 0.0 and other.recipe.method == "probe" and other.backbone == slot.backbone
            for other, cost in self.chosen.values()
        )

    def _recorded_slot(self, number: int) -> Slot:
        trial = self.bench.recorded()[number][0]
        return Slot(number, trial.backbone, trial.recipe)

    def _proposed_slot(self, space: Space, number: int) -> Slot | None:
        values = search_values(self.trials, self.metric, valid_rows=len(self.bench.material.valid))
        proposed = propose(space, values, number=number, run=self.bench.run, allowed=self._allowed)
        return Slot(number, proposed[0].backbone, proposed[1]) if proposed else None

    def _allowed(self, arm: Arm, recipe: Recipe) -> bool:
        """A proposal must fit; a probe is refined only where a probe is the best so far."""
        ranked = best_first(self.trials, self.metric)
        if arm.method == "probe" and (not ranked or ranked[0].recipe.method != "probe"):
            return False
        cost = self.account.cost(arm.backbone, recipe)
        return not isinstance(cost, str) and self.account.fits(cost)

    def _first_full(self, slots: Sequence[Slot]) -> _Reserved | None:
        """The first full fine-tuning that fits into the whole budget, or the one that has to be cut the least.

        A static model's, which takes next to nothing, is no reason not to train a better one in part.
        """
        full = [(slot, self.account.cost(slot.backbone, slot.recipe)) for slot in slots if slot.recipe.method == "full"]
        known = [(slot, cost) for slot, cost in full if not isinstance(cost, str)]
        fitting = [_Reserved(slot, slot.number) for slot, cost in known if cost <= self.account.seconds]
        deep = [found for found in fitting if not found.slot.backbone.static]
        if deep or not known:
            return deep[0] if deep else None
        parts = [(slot, self._passes_that_fit(slot, cost)) for slot, cost in known if not slot.backbone.static]
        slot, passes = max(parts, key=lambda part: part[1] / part[0].recipe.epochs, default=(known[0][0], 0))
        if passes >= 1:
            self.notes.append(
                f"No full fine-tuning fits into {self.account.seconds / 60:g} minutes as a whole: that of "
                f"{slot.backbone.name} is cut from {slot.recipe.epochs:g} passes to {passes}; raise budget.minutes."
            )
            recipe = slot.recipe.model_copy(update={"epochs": float(passes)})
            return _Reserved(Slot(_CUT * (slot.number + 1) + passes, slot.backbone, recipe), slot.number)
        if not fitting:
            slot, cost = min(known, key=lambda item: item[1])
            self.notes.append(
                f"No full fine-tuning fits into {self.account.seconds / 60:g} minutes: the shortest, of "
                f"{slot.backbone.name}, takes about {cost / 60:.1f}. Only probes are tried; raise budget.minutes."
            )
        return fitting[0] if fitting else None

    def _passes_that_fit(self, slot: Slot, cost: float) -> int:
        """How many passes of a training the whole budget has seconds for; its cost is straight in the passes."""
        none = self.account.cost(slot.backbone, slot.recipe.model_copy(update={"epochs": 0.0}))
        if isinstance(none, str) or cost <= none:
            return 0
        return int((self.account.seconds - none) / (cost - none) * slot.recipe.epochs)

    def _cost_of(self, reserved: _Reserved) -> float:
        cost = self.account.cost(reserved.slot.backbone, reserved.slot.recipe)
        return 0.0 if isinstance(cost, str) else cost

    def _reserve(self, reserved: _Reserved | None) -> float | None:
        return None if reserved is None else self._cost_of(reserved)


@dataclass(frozen=True)
class _Reserved:
    """The training that room is kept for, whole or cut, and the number of the default that it stands for."""

    slot: Slot
    stands_for: int


def _about(cost: float) -> str:
    return f" (about {cost / 60:.1f} minutes)" if cost else ""
