"""The Task contract: a heavy `Trainer` that adapts and exports, a light `Runtime` that predicts.

The two halves are found through two separate entry-point groups, so a server never imports the heavy one. A task whose
models have layers may offer a `Surgeon` as well, through a third.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from marketfit.records.bundle import BundleSpec, InputReport, SessionSettings

if TYPE_CHECKING:
    from marketfit.records.models import Backbone, FitSummary, Recipe

Example = object
"""One raw input: `str` for text, `bytes` for pictures and sound, a mapping for tables."""

FloatMatrix = NDArray[np.float32]
FloatVector = NDArray[np.float64]
IntVector = NDArray[np.int64]

Feed = Mapping[str, NDArray[np.generic]]
"""All inputs of a graph by their names."""

Progress = Callable[[float], None]
"""Called with the fraction done, from 0 to 1."""


def unreported(done: float) -> None:
    """Nobody watches the progress."""


@dataclass(frozen=True)
class TrainingStep:
    """One optimiser step: its number from 1, the epochs done after it, its mean loss and its learning rate."""

    number: int
    epoch: float
    loss: float
    learning_rate: float


Follow = Callable[[TrainingStep], None]
"""Called after each optimiser step."""


def unfollowed(step: TrainingStep) -> None:
    """Nobody follows the training."""


@dataclass(frozen=True)
class Labelled:
    """Labelled examples of one split.

    `targets` (n,) indexes `labels`. `consensus` (n, classes) is C⁰, what the people asked say of each example; a
    row of zeros means that nobody was asked. `features` (n, dim) are the frozen features of the backbone being tuned.
    """

    inputs: Sequence[Example]
    targets: IntVector
    labels: tuple[str, ...]
    consensus: FloatMatrix | None = None
    features: FloatMatrix | None = None

    def __len__(self) -> int:
        return len(self.inputs)


@dataclass(frozen=True)
class Study:
    """How a student learns from its teacher: the objective and the course of its training.

    Minimised is `labels` × cross-entropy on the labels + `logits` × T² KL to the teacher's answers softened by the
    `temperature` T + `logits` × `hidden` × the mean squared error of the layers that can be matched.
    """

    epochs: float = 6.0
    learning_rate: float = 2e-4
    batch_size: int = 32
    temperature: float = 2.0
    labels: float = 1.0
    logits: float = 1.0
    hidden: float = 1.0
    dropout: float = 0.0


class Runtime(Protocol):
    """The light half: needs numpy, onnxruntime and the task's preprocessor, nothing else."""

    @classmethod
    def load(cls, folder: Path, spec: BundleSpec, *, session: SessionSettings) -> Self:
        """Open a bundle folder whose files were verified already."""
        ...

    def predict(self, examples: Sequence[Example]) -> FloatMatrix:
        """Class probabilities (n, classes), calibrated by the spec's temperature. Rows sum to one."""
        ...

    def embed(self, examples: Sequence[Example]) -> FloatMatrix:
        """One feature row per example (n, dim), of unit length."""
        ...

    def inspect(self, examples: Sequence[Example]) -> InputReport:
        """Measure what the preprocessor loses on these examples."""
        ...


@runtime_checkable
class Feeder(Protocol):
    """A Runtime that shows what it gives to its graph, so that a pass can watch the graph at work."""

    def feeds(self, examples: Sequence[Example]) -> Iterator[Feed]:
        """The graph's inputs by name, batch by batch; not in the order of the examples."""
        ...


class Trainer(Protocol):
    """The heavy half: may import torch and transformers, inside its methods only.

    It is light to make and to pickle: a trial may run in another process, which is sent its trainer.
    """

    def backbones(self, name: str, *, base: Path) -> tuple[Backbone, ...]:
        """All backbones behind a name of the brief: the model itself, its cuts, its static version.

        `name` is a built-in name, a local folder (relative to `base`) or a hub id; a hub id is the only thing that
        may reach a network. Raises `BriefError` when there is no such model.
        """
        ...

    def embedder(self, backbone: Backbone, into: Path, *, base: Path) -> None:
        """Write the frozen backbone as a headless unsealed bundle."""
        ...

    def fit(
        self,
        backbone: Backbone,
        recipe: Recipe,
        train: Labelled,
        into: Path,
        *,
        base: Path,
        seed: int,
        progress: Progress,
        follow: Follow = unfollowed,
    ) -> FitSummary:
        """Adapt a backbone and write the tuned model as a model folder. The same arguments give the same model.

        `follow` is told every optimiser step, if the method has any, and changes nothing.
        """
        ...

    def scores(self, model: Path, examples: Sequence[Example], *, progress: Progress) -> FloatMatrix:
        """Logits (n, classes) of a model folder, to rank trials before anything is exported."""
        ...

    def distil(
        self,
        student: Path,
        teacher: Path,
        train: Labelled,
        into: Path,
        *,
        unlabelled: Sequence[Example],
        study: Study,
        seed: int,
        progress: Progress,
    ) -> FitSummary:
        """Train a model folder on what another one says of the same labels; write it as a new model folder.

        Of `unlabelled` examples only the teacher's answers are learnt. The same arguments give the same model.
        """
        ...

    def seconds_per_epoch(self, backbone: Backbone, recipe: Recipe, train: Labelled, *, base: Path) -> float:
        """Estimate one epoch's time from a few real steps, once, so that minutes can become trials."""
        ...

    def export(self, model: Path, into: Path, *, product: str, lineage: Sequence[str]) -> None:
        """Write a model folder as an unsealed bundle: one ONNX file with fused operators, preprocessor, spec."""
        ...


@dataclass(frozen=True)
class Anatomy:
    """What a model folder has that can be cut: of each layer its attention heads and its feed-forward width.

    `obstacle` says why nothing can be cut, and is empty otherwise. `head_dim`: values of one head.
    """

    heads: tuple[int, ...]
    widths: tuple[int, ...]
    head_dim: int
    obstacle: str = ""


@dataclass(frozen=True, eq=False)
class Importance:
    """How much the loss depends on parts: of each layer a score for every head, and one for every neuron."""

    heads: tuple[FloatVector, ...]
    neurons: tuple[FloatVector, ...]


@dataclass(frozen=True)
class Kept:
    """What stays of a model: layers in their order, and of each of these its heads and its neurons, ascending."""

    layers: tuple[int, ...]
    heads: tuple[tuple[int, ...], ...]
    neurons: tuple[tuple[int, ...], ...]


class Surgeon(Protocol):
    """Cuts parts out of a task's model folders. Light to make; may import torch inside its methods only."""

    def anatomy(self, model: Path) -> Anatomy:
        """What can be cut, read from the model's configuration."""
        ...

    def losses(
        self, model: Path, rows: Labelled, without: Sequence[Sequence[int]], *, progress: Progress
    ) -> tuple[float, ...]:
        """Mean log-loss on the rows (natural logarithm) of the model without each of these sets of layers."""
        ...

    def importance(self, model: Path, rows: Labelled, *, progress: Progress) -> Importance:
        """First-order estimates of what the loss of a row gains or loses without a head or a neuron, in the mean."""
        ...

    def cut(self, model: Path, kept: Kept, into: Path) -> None:
        """Write the smaller model folder. Every layer must keep as many neurons as the others, and one head."""
        ...


@dataclass(frozen=True)
class StaticShape:
    """Of a static model: dimensions of a vector, and how many pairs of neighbouring tokens get one at most."""

    dimensions: int = 256
    pairs: int = 16_384


@runtime_checkable
class StaticTrainer(Protocol):
    """A Trainer whose models have static versions: a lookup and a sum in the place of an encoder."""

    def static(
        self, model: Path, train: Labelled, into: Path, *, unlabelled: Sequence[Example], shape: StaticShape,
        seed: int, progress: Progress,
    ) -> None:  # fmt: skip
        """Write the static version of a model folder, before it is trained on anything but its own vectors."""
        ...

    def is_static(self, model: Path) -> bool:
        """Whether a model folder holds a static model."""
        ...


@runtime_checkable
class Adopter(Protocol):
    """A Trainer that can take over a classifier that somebody else trained."""

    def adopt(self, source: Path, into: Path) -> tuple[str, ...]:
        """Write a foreign model folder as a model folder of this Trainer, weights unchanged; gives its labels in order.

        Raises:
            InputError: everything that keeps the folder from being taken over.
        """
        ...


def normalise_text(text: str) -> str:
    r"""The form in which texts are compared everywhere: NFC, no control characters, single spaces, no ends.

    >>> normalise_text(" turn\u00a0on \x00the\tlight\n")
    'turn on the light'
    """
    composed = unicodedata.normalize("NFC", text)
    printable = "".join(" " if unicodedata.category(c) in ("Cc", "Zl", "Zp") else c for c in composed)
    return re.sub(r"\s+", " ", printable).strip()


def number_text(value: float) -> str | None:
    """A number as text: whole numbers without a decimal point, so that 1 and 1.0 are one label; None for NaN.

    >>> number_text(1.0), number_text(0.5), number_text(float("nan"))
    ('1', '0.5', None)
    """
    if isinstance(value, float):
        if math.isnan(value):
            return None
        if value.is_integer() and abs(value) < 2**53:
            return str(int(value))
    return str(value)


def scalar_text(value: str | float | None) -> str | None:
    """A text, a number or a truth value of JSON or Parquet as the text that stands for it, such as a label's name.

    >>> scalar_text(" as it is"), scalar_text(3.0), scalar_text(True)
    (' as it is', '3', 'true')
    """
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return number_text(value)
