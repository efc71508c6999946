"""The Term contract: one summand of the objective, and the sum of all of them.

A term is prepared once a training (`prepare`, which checks its options and sees the size of the data) and then gives
its contribution, already weighted, on every batch. A batch's value must be an unbiased estimate of the contribution
over all rows, given that L is the mean over all rows: a term over part of the rows scales its batch sum by
(rows / its rows) / batch size.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, Self, cast

from marketfit import registry
from marketfit.errors import BriefError, Problem, nearest
from marketfit.records.models import TermSpec

if TYPE_CHECKING:
    from torch import Tensor, nn


UNLABELLED = -100
"""The target of a row that has no label."""


@dataclass(frozen=True)
class Facts:
    """Size of the training data: all rows, rows that people were asked about, classes.

    `unlabelled` of the rows have no label; `taught` says that a teacher's answer comes with every row.
    """

    rows: int
    asked: int
    classes: int
    unlabelled: int = 0
    taught: bool = False


@dataclass(frozen=True)
class Outputs:
    """What a model says of a batch: logits (b, classes) and unit-length features (b, dim), in float32.

    `layers` (b, layers, dim) are the means over tokens of its matched layers, where a teacher's are matched.
    """

    logits: Tensor
    features: Tensor
    layers: Tensor | None = None


@dataclass(frozen=True)
class Batch:
    """What is known of a batch: targets (b,) and the consensus (b, classes), whose rows of zeros were not asked.

    A target may be `UNLABELLED`. `teacher_logits` (b, classes) and `teacher_layers` (b, layers, dim) are what the
    teacher says of the rows, where there is one.
    """

    targets: Tensor
    consensus: Tensor | None
    teacher_logits: Tensor | None = None
    teacher_layers: Tensor | None = None


class Term(Protocol):
    """One summand of the objective."""

    @classmethod
    def prepare(cls, spec: TermSpec, facts: Facts) -> Self:
        """Make the term for one training.

        Raises:
            BriefError: an option that the term does not take.
        """
        ...

    def loss(self, outputs: Outputs, batch: Batch, model: nn.Module) -> Tensor:
        """The weighted contribution of this batch, a scalar with gradient."""
        ...


@dataclass(frozen=True)
class Objective:
    """The sum of terms that a training minimises."""

    terms: tuple[Term, ...]

    @classmethod
    def of(cls, specs: Sequence[TermSpec], facts: Facts) -> Self:
        """Cross-entropy on the labels, plus the terms of a recipe.

        Raises:
            InputError: a term that is not registered, or an option that it does not take.
        """
        chosen = (TermSpec(name="cross-entropy", weight=1.0), *specs)
        kinds = [cast("type[Term]", registry.load("terms", spec.name)) for spec in chosen]
        return cls(terms=tuple(kind.prepare(spec, facts) for kind, spec in zip(kinds, chosen, strict=True)))

    def loss(self, outputs: Outputs, batch: Batch, model: nn.Module) -> Tensor:
        """The objective on one batch."""
        first, *rest = (term.loss(outputs, batch, model) for term in self.terms)
        for value in rest:
            first = first + value
        return first


def refuse_unknown(spec: TermSpec, allowed: Iterable[str]) -> list[Problem]:
    """One problem for every option of a term that is not among the allowed ones."""
    known = tuple(allowed)
    return [
        Problem(f"objective.{spec.name}", f"unknown option '{name}'", nearest(name, known), "rename or drop it")
        for name in spec.options
        if name not in known
    ]


def check_weight(spec: TermSpec) -> list[Problem]:
    """A term's weight is a finite number that is not negative."""
    if 0.0 <= spec.weight < float("inf"):
        return []
    found = f"the weight is {spec.weight}"
    return [Problem(f"objective.{spec.name}", found, "a number from 0 up", "change the weight")]


def raise_all(problems: Sequence[Problem]) -> None:
    """Raise a BriefError when there are problems."""
    if problems:
        raise BriefError(problems)
