"""The bench: where the trials of a study run, and the only place that records them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from marketfit.engine import Lost, Pool, Run
from marketfit.errors import InputError
from marketfit.ledger import TrialRow
from marketfit.records.base import Blob
from marketfit.records.data import Dataset
from marketfit.records.models import Backbone, Recipe, Trial
from marketfit.task import Trainer
from marketfit.tune.defaults import TITLES
from marketfit.tune.material import Material, features_of
from marketfit.tune.trial import Order, Ran, reason_of, run_trial


@dataclass(frozen=True)
class Slot:
    """A planned trial; `failed` says why it can't even begin."""

    number: int
    backbone: Backbone
    recipe: Recipe
    failed: str = ""

    @property
    def title(self) -> str:
        """For notes."""
        return f"trial {self.number} ({TITLES[self.recipe.method]} of {self.backbone.name})"


@dataclass(frozen=True, eq=False)
class Bench:
    """What all trials of a study share."""

    study: str
    dataset: Dataset
    material: Material
    trainer: Trainer
    base: Path
    run: Run
    pool: Pool

    def recorded(self) -> dict[int, tuple[Trial, float]]:
        """The finished trials of this study with their seconds, by number."""
        rows = self.run.ledger.trials(self.study)
        return {row.number: (Trial.model_validate_json(row.record), row.seconds) for row in rows}

    def attempt(self, slots: Sequence[Slot]) -> None:
        """Run trials that do not depend on each other, and record each as soon as it has ended.

        A failed one is recorded with its reason. Workers give back what they found; only this process writes to the
        ledger.
        """
        orders: list[Order] = []
        preparing: list[float] = []
        for slot in slots:
            began = time.monotonic()
            planned = self._planned(slot)
            features = slot.failed or self._features(slot.backbone)
            if isinstance(features, str):
                self._record(slot, planned.model_copy(update={"reason": features}), time.monotonic() - began)
                continue
            orders.append(self._order(planned, features))
            preparing.append(time.monotonic() - began)
        if not orders:
            return
        running = {slot.number: slot for slot in slots}
        began = time.monotonic()

        def ended(index: int, answer: Ran | Lost) -> None:
            planned = orders[index].trial
            if isinstance(answer, Lost):
                trial, seconds = planned.model_copy(update={"reason": answer.reason}), time.monotonic() - began
            else:
                trial, seconds = answer.trial, answer.seconds
            self._record(running[trial.number], trial, preparing[index] + seconds)

        with self.run.reporter.task(_title([running[order.trial.number] for order in orders])) as progress:
            self.pool.map(run_trial, orders, ended=ended, progress=progress)

    def _planned(self, slot: Slot) -> Trial:
        return Trial(
            number=slot.number, backbone=slot.backbone, recipe=slot.recipe, status="failed", reason="",
            seed=self.run.seed_for("tune", "trial", slot.number), model=None, probabilities=None, accuracy=None,
            macro_f1=None, log_loss=None, fit=None,
        )  # fmt: skip

    def _features(self, backbone: Backbone) -> Blob | str:
        """The frozen features of the training rows, or why there are none."""
        try:
            return features_of(
                self.material.train.inputs, backbone, self.dataset, self.trainer, base=self.base, run=self.run
            )
        except InputError:
            raise  # the brief or the environment is wrong: no other trial would do better
        except Exception as error:
            return reason_of(error)

    def _order(self, planned: Trial, features: Blob) -> Order:
        return Order(
            trial=planned,
            material=self.material,
            features=features,
            trainer=self.trainer,
            base=self.base,
            workspace=self.run.workspace.root,
            tracking=self.run.tracking,
        )

    def _record(self, slot: Slot, trial: Trial, seconds: float) -> None:
        row = TrialRow(number=trial.number, status=trial.status, record=trial.model_dump_json(), seconds=seconds)
        self.run.ledger.put_trial(self.study, row, run=self.run.id)
        failure = [f"failed: {trial.reason}"] if trial.status == "failed" else []
        for said in (*failure, *trial.notes):
            self.run.reporter.say(f"  {slot.title}: {said}")


def _title(slots: Sequence[Slot]) -> str:
    if len(slots) == 1:
        (slot,) = slots
        return f"trial {slot.number}: {TITLES[slot.recipe.method]} of {slot.backbone.name}"
    return f"trials {', '.join(str(slot.number) for slot in slots)}"
