"""Which trials there are, and which of them fit into the budget.

Trials have fixed numbers: first the defaults (the probe on every kept backbone, full fine-tuning on every kept
backbone, best first, LoRA on the best one that takes it), then the search. One that does not fit is skipped and a
later, cheaper one may still fit; its number stays unused.

One full fine-tuning is kept room for, in trials and in minutes, as long as any fits into the budget at all.

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
            elif reserved is not None and slot.number == reserved.number:
                waiting = False
                self._take(slot, cost)  # it fits the whole budget; probes may have taken a little of its room
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

    def _first_full(self, slots: Sequence[Slot]) -> Slot | None:
        """The first full fine-tuning that fits into the whole budget."""
        costs = [
            (slot, self.account.cost(slot.backbone, slot.recipe)) for slot in slots if slot.recipe.method == "full"
        ]
        known = [(slot, cost) for slot, cost in costs if not isinstance(cost, str)]
        fitting = [slot for slot, cost in known if cost <= self.account.seconds]
        if known and not fitting:
            slot, cost = min(known, key=lambda item: item[1])
            self.notes.append(
                f"No full fine-tuning fits into {self.account.seconds / 60:g} minutes: the shortest, of "
                f"{slot.backbone.name}, takes about {cost / 60:.1f}. Only probes are tried; raise budget.minutes."
            )
        return fitting[0] if fitting else None

    def _reserve(self, reserved: Slot | None) -> float | None:
        if reserved is None:
            return None
        cost = self.account.cost(reserved.backbone, reserved.recipe)
        return None if isinstance(cost, str) else cost


def _about(cost: float) -> str:
    return f" (about {cost / 60:.1f} minutes)" if cost else ""
