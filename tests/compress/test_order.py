"""The rules of order: which sequences of passes there are."""

from __future__ import annotations

import itertools
from typing import cast

from marketfit.compress.order import ORDER, PRODUCTS, TABLES, Choice, Named, PassStep, sequences
from marketfit.compress.passes import Pass, Role, Stage


class Only:
    """A pass as far as the rules look at it."""

    trains = False

    def __init__(self, stage: Stage, role: Role) -> None:
        self.stage, self.role = stage, role


def choices(name: str, stage: Stage, role: Role, settings: int = 1) -> list[Choice]:
    named = Named(name, cast("Pass", Only(stage, role)))
    return [Choice(named, PassStep(name=name, options={"n": n} if n else {})) for n in range(settings)]


CUTS = [*choices("drop", "model", "cut", 2), *choices("prune", "model", "cut")]
RECOVER, REPLACE = choices("distil", "model", "recover"), choices("static", "model", "replace")
GRAPH = [*choices("trim", "graph", "rewrite", 2), *choices("int8", "graph", "standard")]


def found(*menus: list[Choice], taught: bool = False) -> list[str]:
    menu = list(itertools.chain(*menus))
    return [">".join(step.label for step in steps) for steps in sequences(menu, taught=taught)]


def test_all_sequences_of_passes_on_graphs() -> None:
    assert found(GRAPH) == ["", "int8", "trim", "trim>int8", "trim:n=1", "trim:n=1>int8"]


def test_a_cut_is_recovered_and_a_replacement_stands_alone() -> None:
    assert found(CUTS, RECOVER, REPLACE) == [
        "", "static", "prune>distil", "drop>distil", "drop>prune>distil", "drop:n=1>distil", "drop:n=1>prune>distil",
    ]  # fmt: skip


def test_a_model_that_another_one_teaches_learns_without_a_cut_too() -> None:
    assert found(CUTS, RECOVER, REPLACE, taught=True) == [
        "", "static", "distil", "prune>distil", "drop>distil", "drop>prune>distil", "drop:n=1>distil",
        "drop:n=1>prune>distil",
    ]  # fmt: skip
    assert found(CUTS, taught=True) == found(CUTS)


def test_cuts_stand_alone_where_nothing_recovers_them() -> None:
    assert found(choices("drop", "model", "cut")) == ["", "drop"]
    assert found(RECOVER) == [""]


def test_models_come_before_graphs_and_nothing_comes_twice() -> None:
    every = found(CUTS, RECOVER, REPLACE, GRAPH)
    assert len(every) == 7 * 6 == len(set(every))
    for told in every:
        names = [label.split(":")[0] for label in told.split(">") if label]
        assert len(names) == len(set(names))
        assert names == sorted(names, key=["drop", "prune", "distil", "static", "trim", "int8"].index)


def test_products_are_settled_by_one_pass() -> None:
    """What an engine of standard operators adds to the sequences is as much as two ways at once would have added."""
    ways = [choices("standard-operators", "graph", "rewrite"), choices("static-int8", "graph", "rewrite")]
    usual = [*choices("int8", "graph", "standard"), *choices("half", "graph", "rewrite")]
    assert found(*ways, usual) == [
        "", "half", "int8", "int8>half", "static-int8", "static-int8>half", "standard-operators",
        "standard-operators>half",
    ]  # fmt: skip
    assert len(found(ways[1], usual)) == 6
    assert tuple(sorted(PRODUCTS, key=ORDER.index)) == PRODUCTS


def test_a_table_has_one_form() -> None:
    tables = [*choices("int8-embeddings", "graph", "standard"), *choices("pq-embeddings", "graph", "rewrite", 2)]
    assert found(tables) == ["", "pq-embeddings", "pq-embeddings:n=1", "int8-embeddings"]
    assert tuple(sorted(TABLES, key=ORDER.index)) == TABLES
