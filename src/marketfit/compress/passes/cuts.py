"""What the passes share that cut parts out of a model: whose surgeon knows it, and the rows they judge by."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from marketfit import registry
from marketfit.compress.passes import Context
from marketfit.errors import RunError
from marketfit.task import Anatomy, Labelled, Surgeon

ROWS = 512
"""Training rows, at most, that parts are judged on. A cut is followed by a distillation, which sees all of them."""


def anatomy_of(model: Path) -> Anatomy:
    """What the surgeon that knows a model folder can cut; with every surgeon's reason where none does."""
    found = {name: registry.surgeon(name).anatomy(model) for name in registry.names("surgeons")}
    known = next((anatomy for anatomy in found.values() if not anatomy.obstacle), None)
    reasons = "; ".join(f"{name}: {anatomy.obstacle}" for name, anatomy in found.items())
    return known or Anatomy((), (), 0, obstacle=reasons or "no task offers a surgeon")


def surgeon_of(model: Path) -> Surgeon:
    """The surgeon that knows a model folder.

    Raises:
        RunError: none does.
    """
    for name in registry.names("surgeons"):
        surgeon = registry.surgeon(name)
        if not surgeon.anatomy(model).obstacle:
            return surgeon
    raise RunError(f"{model} can't be cut: {anatomy_of(model).obstacle}")


def sampled(context: Context) -> Labelled:
    """A sample of the training rows by the context's seed, in their order; all rows where they are few."""
    count = len(context.inputs)
    drawn = np.sort(np.random.default_rng(context.seed).permutation(count)[:ROWS])
    return Labelled(
        inputs=[context.inputs[row] for row in drawn.tolist()], targets=context.targets[drawn], labels=context.labels
    )
