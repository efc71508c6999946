"""Spaces: what contradicts itself is told all at once."""

from __future__ import annotations

import pytest

from marketfit.demand import DesignSpace, Prohibition
from marketfit.errors import DataError


def test_everything_that_is_wrong_is_told_together() -> None:
    with pytest.raises(DataError) as error:
        DesignSpace(
            {"price": (1.0, 1.0), "task": ("a", "b"), "size": (1.0, 2.0), "name": ("", "b")},
            alternatives=1,
            none=False,
            tasks=0,
            better={"pric": "lower", "task": "higher"},
            prohibited=(Prohibition({}), Prohibition({"size": 3.0}, unless={"siz": 1.0}, name="the second")),
        )
    told = str(error.value)
    for part in (
        "levels.price: are fewer than two, or one is there twice",
        "levels.task: is a column of the design's table",
        "levels.name: hold an empty name",
        "alternatives: is 1; at least 2",
        "tasks: is 0",
        "better.pric: no such attribute; did you mean 'price'?",
        "better.task: its levels are names",
        "prohibited[0]: is empty",
        "the second.size: no such level 3.0",
        "the second.siz: no such attribute; did you mean 'size'?",
    ):
        assert part in told
    assert len(error.value.problems) == 10


def test_whole_numbers_are_numbers() -> None:
    space = DesignSpace({"price": (1, 2, 4), "plan": ("free", 5)}, prohibited=(Prohibition({"price": 2, "plan": 5.0}),))
    assert space.levels == {"price": (1.0, 2.0, 4.0), "plan": ("free", 5.0)}
    assert space.is_number("price")
    assert not space.is_number("plan")
    assert space.code("plan", 5) == 1


def test_one_alternative_is_a_choice_only_with_none() -> None:
    assert DesignSpace({"a": (1.0, 2.0)}, alternatives=1).shape == (1, 8, 1, 1)
