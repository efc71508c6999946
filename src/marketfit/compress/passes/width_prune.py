"""width-prune: fewer attention heads and narrower feed-forward layers, by importance.

Importance is first-order: what the loss of a row would change by without the part, in the mean over at most 512
training rows (Molchanov et al. 2017 for neurons, Michel et al. 2019 for heads). Every layer keeps as many neurons, a
multiple of 64 of them, which is what matrix kernels like; heads are ranked across layers, each layer's scores scaled to
unit length as Michel et al. do, and every layer keeps one at least.

The result is a start for distillation, not a model to ship.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

from marketfit.compress.passes import Artefact, Context, Options, Role, Stage, Untrained, refuse_unknown
from marketfit.compress.passes.cuts import anatomy_of, sampled, surgeon_of
from marketfit.errors import BriefError, Problem
from marketfit.task import FloatVector, Kept

_NAME = "width-prune"


@dataclass(frozen=True)
class Shares:
    """Shares of all heads and of the width that stay, and what the width is a multiple of."""

    heads: float = 0.5
    width: float = 0.5
    multiple: int = 64


class WidthPrune(Untrained):
    """Narrower layers. Options: see `Shares`."""

    stage: Stage = "model"
    role: Role = "cut"

    def applies(self, artefact: Artefact, context: Context) -> str:  # noqa: ARG002 - as the protocol has it
        """It needs a layer with two heads, or one wider than 64 neurons, in a model that a surgeon knows."""
        found = anatomy_of(artefact.folder)
        if found.obstacle:
            return found.obstacle
        narrow = max(found.heads) == 1 and max(found.widths) <= Shares.multiple
        return f"its layers have one head and {max(found.widths)} neurons or fewer" if narrow else ""

    def choices(self, artefact: Artefact, context: Context) -> Sequence[Options]:
        """A half, or three quarters."""
        return () if self.applies(artefact, context) else ({}, {"heads": 0.75, "width": 0.75})

    def apply(self, artefact: Artefact, options: Options, context: Context) -> Artefact:
        """Keep the most important heads and neurons.

        Raises:
            BriefError: an option that it does not take, or a value that it can't be.
        """
        wanted = _wanted(options)
        surgeon = surgeon_of(artefact.folder)
        anatomy = surgeon.anatomy(artefact.folder)
        rows = sampled(context)
        found = surgeon.importance(artefact.folder, rows, progress=lambda done: context.progress(0.99 * done))
        width = width_of(min(anatomy.widths), share=wanted.width, multiple=wanted.multiple)
        kept = Kept(
            layers=tuple(range(len(anatomy.heads))),
            heads=best_heads(found.heads, share=wanted.heads),
            neurons=tuple(_best(scores, width) for scores in found.neurons),
        )
        surgeon.cut(artefact.folder, kept, context.into)
        context.progress(1.0)
        return Artefact("model", context.into)


def width_of(width: int, *, share: float, multiple: int) -> int:
    """The multiple nearest to a share of a width, one at least; the width itself where it is no larger than one.

    >>> [width_of(width, share=share, multiple=64) for width, share in ((1536, 0.5), (1536, 0.01), (48, 0.5))]
    [768, 64, 48]
    """
    return min(width, multiple * max(1, round(share * width / multiple)))


def best_heads(scores: Sequence[FloatVector], *, share: float) -> tuple[tuple[int, ...], ...]:
    """The heads that stay of each layer: its best one, and the best of all others up to the share of all heads.

    >>> best_heads([np.array([3.0, 4.0]), np.array([0.1, 0.0, 0.0, 0.1])], share=0.5)
    ((1,), (0, 3))
    """
    scaled = [layer / (np.linalg.norm(layer) or 1.0) for layer in scores]
    kept = [{int(np.argmax(layer))} for layer in scaled]
    others = [
        (-score, layer, head)
        for layer, values in enumerate(scaled)
        for head, score in enumerate(values.tolist())
        if head not in kept[layer]
    ]
    wanted = round(share * sum(len(layer) for layer in scores)) - len(scores)
    for _score, layer, head in sorted(others)[: max(0, wanted)]:
        kept[layer].add(head)
    return tuple(tuple(sorted(layer)) for layer in kept)


def _best(scores: FloatVector, count: int) -> tuple[int, ...]:
    return tuple(np.sort(np.argsort(-scores, kind="stable")[:count]).tolist())


def _wanted(options: Options) -> Shares:
    refuse_unknown(_NAME, options, tuple(field.name for field in fields(Shares)))
    problems = list(_problems(options))
    if problems:
        raise BriefError(problems)
    return replace(Shares(), **options)  # type: ignore[arg-type]  # their types were checked


def _problems(options: Options) -> Iterator[Problem]:
    for name in ("heads", "width"):
        value = options.get(name, 1)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 1:
            yield Problem(f"pass {_NAME}: {name}", f"{value!r}", "a share above 0, at most 1", "change it")
    multiple = options.get("multiple", 1)
    if isinstance(multiple, bool) or not isinstance(multiple, int) or multiple < 1:
        yield Problem(f"pass {_NAME}: multiple", f"{multiple!r}", "a whole number from 1", "change it")
