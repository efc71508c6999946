"""Which passes there are, and in which order they may follow each other: the only place that says so.

Passes on models come before export, those on graphs after it; within a stage the built-in ones in the order of `ORDER`,
then others by name; each once. A pass that replaces the model stands alone in its stage. One that recovers needs a cut
before it, or a teacher that is another model; a cut wants one after it, wherever there is one. Of the passes that
settle how matrix products are computed (`PRODUCTS`) a sequence has one at the most, and so of those on lookup tables
(`TABLES`).
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import cast

from pydantic import JsonValue

from marketfit import registry
from marketfit.compress.passes import Pass
from marketfit.records.base import Record

ORDER = (
    "layer-drop", "width-prune", "distil", "static", "vocabulary-trim", "standard-operators", "static-int8", "int8",
    "int8-embeddings", "pq-embeddings", "half",
)  # fmt: skip

PRODUCTS = ("standard-operators", "static-int8", "int8")
"""`static-int8` writes standard operators itself and leaves `int8` no products. `int8` of standard operators is for
nobody: on six layers of MiniLM (AVX2, one thread, 12 tokens, n = 120 requests, a busy
machine) OpenVINO took 18.4 ms in the place of 12.2 for float32, and onnxruntime 5.8, as with its fused operators (5.6).
"""

TABLES = ("int8-embeddings", "pq-embeddings")
"""Forms of a lookup table, each of which leaves none for the other."""


class PassStep(Record):
    """A pass with its options: one step of a sequence.

    >>> PassStep(name="layer-drop", options={"layers": 3}).label
    'layer-drop:layers=3'
    """

    name: str
    options: Mapping[str, JsonValue] = {}

    @cached_property
    def label(self) -> str:
        """Readable, and the same for the same step only."""
        told = ",".join(f"{name}={json.dumps(value)}" for name, value in sorted(self.options.items()))
        return f"{self.name}:{told}" if told else self.name


Steps = tuple[PassStep, ...]


@dataclass(frozen=True)
class Named:
    """A registered pass with its name."""

    name: str
    works: Pass


@dataclass(frozen=True)
class Choice:
    """A pass with one of the settings worth trying."""

    named: Named
    step: PassStep


def registered_passes(wanted: Sequence[str] = ()) -> tuple[Named, ...]:
    """The registered passes, or those named, in the order in which they are applied.

    Raises:
        InputError: there is no pass of a name.
    """
    names = sorted(set(wanted or registry.names("passes")))
    found = [Named(name, cast("type[Pass]", registry.load("passes", name))()) for name in names]
    return tuple(sorted(found, key=lambda item: (item.works.stage != "model", _place(item.name), item.name)))


def sequences(menu: Sequence[Choice], *, taught: bool = False) -> Iterator[Steps]:
    """Every sequence of passes that the rules allow, each pass with one of its settings; the empty one first.

    `taught`: the model has another one as its teacher, so that it has something to learn before any cut.
    `menu` holds the settings of each pass next to each other, passes in the order in which they are applied.
    """
    recoverable = any(choice.named.works.role == "recover" for choice in menu)
    by_pass = [list(choices) for _name, choices in itertools.groupby(menu, key=lambda choice: choice.named.name)]
    model = [choices for choices in by_pass if choices[0].named.works.stage == "model"]
    graph = [choices for choices in by_pass if choices[0].named.works.stage == "graph"]
    for before in _picked(model):
        if not _stands(before, recoverable=recoverable, taught=taught):
            continue
        for after in _picked(graph):
            names = [choice.named.name for choice in after]
            if all(sum(name in group for name in names) <= 1 for group in (PRODUCTS, TABLES)):
                yield tuple(choice.step for choice in (*before, *after))


def _picked(by_pass: Sequence[Sequence[Choice]]) -> Iterator[tuple[Choice, ...]]:
    """Each pass left out, or with one of its settings."""
    for picked in itertools.product(*([None, *choices] for choices in by_pass)):
        yield tuple(choice for choice in picked if choice is not None)


def _stands(model: Sequence[Choice], *, recoverable: bool, taught: bool) -> bool:
    """Whether passes on models may follow each other like this."""
    roles = [choice.named.works.role for choice in model]
    if "replace" in roles:
        return len(roles) == 1
    cuts = [place for place, role in enumerate(roles) if role == "cut"]
    recoveries = [place for place, role in enumerate(roles) if role == "recover"]
    if not cuts:
        return taught or not recoveries
    return not recoverable or any(place > cuts[-1] for place in recoveries)


def _place(name: str) -> int:
    return ORDER.index(name) if name in ORDER else len(ORDER)
