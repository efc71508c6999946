"""The Pass contract: one way of making a model smaller or faster. Members are found through `marketfit.passes`.

A pass works on a model folder before export (`stage = "model"`) or on an unsealed bundle (`stage = "graph"`), reads
its artefact and writes a whole new one; it never changes what it was given. Every member passes
`marketfit.testing.passes.check_pass`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from pydantic import JsonValue

from marketfit.errors import BriefError, Problem, nearest
from marketfit.task import Example, IntVector, Labelled, Progress, Trainer

Stage = Literal["model", "graph"]
Role = Literal["standard", "rewrite", "cut", "recover", "replace"]
"""What a pass is to a plan. standard: the same model in fewer bytes or cheaper operators, worth a try on everything;
rewrite: the same, but it may cost quality or not pay; cut: parts are taken out, a start for a pass that recovers;
recover: a smaller model learns from the best tuned one; replace: another model in its place."""

Options = Mapping[str, JsonValue]


@dataclass(frozen=True)
class Artefact:
    """What a pass takes and gives: a model folder (of the task's Trainer) or an unsealed bundle."""

    stage: Stage
    folder: Path


@dataclass(frozen=True, eq=False)
class Context:
    """What a pass may use: rows to calibrate or fit on, who fits, a seed, and a place to write to.

    `into` does not exist yet; the pass creates it. `targets` (n,) index `labels`. `unlabelled` are further examples
    without labels, if there are any. `teacher` is the best tuned model folder there is: the one that the sequence of
    passes started from, or a better one; `trainer` belongs to the task and can read it.
    """

    into: Path
    inputs: Sequence[Example]
    targets: IntVector
    labels: tuple[str, ...]
    unlabelled: Sequence[Example]
    trainer: Trainer
    teacher: Path
    seed: int
    progress: Progress

    @property
    def train(self) -> Labelled:
        """The training rows as a Trainer takes them."""
        return Labelled(inputs=self.inputs, targets=self.targets, labels=self.labels)


class Pass(Protocol):
    """One compression pass. `trains`: whether it fits weights, which takes minutes; calibration is no fitting."""

    stage: Stage
    role: Role
    trains: bool

    def applies(self, artefact: Artefact, context: Context) -> str:
        """Why the pass has nothing to do here, or an empty string where it applies. Writes nothing."""
        ...

    def choices(self, artefact: Artefact, context: Context) -> Sequence[Options]:
        """The settings worth trying, the most promising first; none where it can't apply, or gains nothing.

        `artefact` is the tuned model, or its plain export: other passes may come between. Writes nothing.
        """
        ...

    def seconds(self, artefact: Artefact, options: Options, context: Context) -> float:
        """Estimated seconds of `apply`, found within a few; asked only of a pass that trains. Writes nothing.

        `artefact` is the tuned model, or its plain export: what has been cut by then takes less.
        """
        ...

    def apply(self, artefact: Artefact, options: Options, context: Context) -> Artefact:
        """Write the compressed artefact to `context.into`. The same arguments give the same bytes.

        Raises:
            BriefError: an option that the pass does not take.
        """
        ...


class Untrained:
    """Base of passes that fit no weights: tried with their defaults alone, unless they say more."""

    trains = False

    def choices(self, artefact: Artefact, context: Context) -> Sequence[Options]:  # noqa: ARG002 - Pass contract
        """The defaults alone."""
        return ({},)

    def seconds(self, artefact: Artefact, options: Options, context: Context) -> float:  # noqa: ARG002 - Pass contract
        """Never asked: what is done in seconds needs no estimate."""
        return 0.0


def refuse_unknown(name: str, options: Options, allowed: Sequence[str]) -> None:
    """Raise a BriefError that names every option that a pass does not take."""
    problems = [
        Problem(f"pass {name}", f"unknown option '{option}'", nearest(option, allowed), "rename or drop it")
        for option in options
        if option not in allowed
    ]
    if problems:
        raise BriefError(problems)
