"""layer-drop: fewer layers, chosen by measured effect.

Round by round, the model is scored without each of its remaining layers, with the head that it has, and the layer is
dropped whose loss is missed least (in the mean log-loss of at most 512 training rows). Greedy, since what a layer is
worth depends on which others are there; its place in the stack has no say.

The result is a start for distillation, not a model to ship: the head has never seen what it now reads.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from marketfit.compress.passes import Artefact, Context, Options, Role, Stage, Untrained, refuse_unknown
from marketfit.compress.passes.cuts import anatomy_of, sampled, surgeon_of
from marketfit.errors import BriefError, Problem
from marketfit.task import Kept

_NAME = "layer-drop"

Losses = Callable[[list[tuple[int, ...]]], tuple[float, ...]]
"""Sets of layers → the loss without each set."""


@dataclass(frozen=True)
class Round:
    """The layer that a round dropped, and the mean log-loss without it and all dropped before."""

    layer: int
    loss: float


class LayerDrop(Untrained):
    """Fewer layers. Option `layers`: how many stay; half of them (rounded up) by default."""

    stage: Stage = "model"
    role: Role = "cut"

    def applies(self, artefact: Artefact, context: Context) -> str:  # noqa: ARG002 - as the protocol has it
        """It needs two layers or more, of a model that a surgeon knows."""
        found = anatomy_of(artefact.folder)
        if found.obstacle:
            return found.obstacle
        return "" if len(found.heads) > 1 else "one layer is all that it has"

    def choices(self, artefact: Artefact, context: Context) -> Sequence[Options]:  # noqa: ARG002 - as the protocol has it
        """A half, two thirds and a third of the layers."""
        count = len(anatomy_of(artefact.folder).heads)
        wanted = dict.fromkeys(((count + 1) // 2, round(2 * count / 3), round(count / 3)))
        return [{"layers": layers} for layers in wanted if 0 < layers < count]

    def apply(self, artefact: Artefact, options: Options, context: Context) -> Artefact:
        """Drop layers until as many are left as were asked for.

        Raises:
            BriefError: an option that it does not take, or a value that it can't be.
        """
        refuse_unknown(_NAME, options, ("layers",))
        surgeon = surgeon_of(artefact.folder)
        anatomy = surgeon.anatomy(artefact.folder)
        count = len(anatomy.heads)
        stay = options.get("layers", (count + 1) // 2)
        if isinstance(stay, bool) or not isinstance(stay, int) or not 0 < stay < count:
            allowed = f"a number from 1 to {count - 1}"
            raise BriefError([Problem(f"pass {_NAME}: layers", f"{stay!r}", allowed, "change it")])
        rows, tried = sampled(context), 0
        trials = sum(range(stay + 1, count + 1))

        def losses(without: list[tuple[int, ...]]) -> tuple[float, ...]:
            nonlocal tried
            done, tried = tried, tried + len(without)
            return surgeon.losses(
                artefact.folder,
                rows,
                without,
                progress=lambda part: context.progress(0.99 * (done + part * len(without)) / trials),
            )

        dropped = {found.layer for found in least_missed(count, stay, losses)}
        layers = tuple(layer for layer in range(count) if layer not in dropped)
        kept = Kept(
            layers=layers,
            heads=tuple(tuple(range(anatomy.heads[layer])) for layer in layers),
            neurons=tuple(tuple(range(anatomy.widths[layer])) for layer in layers),
        )
        surgeon.cut(artefact.folder, kept, context.into)
        context.progress(1.0)
        return Artefact("model", context.into)


def least_missed(count: int, stay: int, losses: Losses) -> tuple[Round, ...]:
    """The layers to drop until `stay` of `count` are left, in order: in each round the one that is missed least.

    >>> worth = {0: 2.0, 1: 0.5, 2: 1.0}
    >>> least_missed(3, 1, lambda sets: tuple(sum(worth[layer] for layer in without) for without in sets))
    (Round(layer=1, loss=0.5), Round(layer=2, loss=1.5))
    """
    rounds: list[Round] = []
    for _round in range(count - stay):
        gone = tuple(found.layer for found in rounds)
        tried = [layer for layer in range(count) if layer not in gone]
        found = losses([(*gone, layer) for layer in tried])
        loss, layer = min(zip(found, tried, strict=True))
        rounds.append(Round(layer, loss))
    return tuple(rounds)
