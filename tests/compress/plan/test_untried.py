"""What was not made: counted by reason, the nearest told one by one, all of it in a file."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from marketfit.compress.plan.untried import NEAREST, as_csv, grouped
from marketfit.records.variants import Untried
from marketfit.testing.plans import Lab

MakeLab = Callable[..., Lab]

LINES = st.builds(
    Untried,
    name=st.text(max_size=8),
    passes=st.lists(st.sampled_from(["int8", "distil", "layer-drop"]), max_size=4).map(tuple),
    why=st.sampled_from(["does not apply", "cannot win", "over budget", "unlikely"]),
    reason=st.just("because, \"so\""),
    gain=st.none() | st.floats(0, 1),
    seconds=st.none() | st.floats(0, 1000),
)  # fmt: skip


@given(st.lists(LINES, max_size=40))
def test_groups_count_everything_and_tell_the_largest_gains(lines: list[Untried]) -> None:
    groups = grouped(lines)
    assert {group.why: group.count for group in groups} == Counter(line.why for line in lines)
    for group in groups:
        mine = [line for line in lines if line.why == group.why]
        assert len(group.nearest) == min(NEAREST, group.count)
        assert all(line in mine for line in group.nearest)
        told = sorted((line.gain or 0.0 for line in group.nearest), reverse=True)
        assert told == sorted((line.gain or 0.0 for line in mine), reverse=True)[: len(told)]


def test_of_equal_gains_the_quickest_and_of_unknown_times_the_shortest_is_nearest() -> None:
    def line(name: str, passes: int, seconds: float | None) -> Untried:
        return Untried(name=name, passes=("p",) * passes, why="unlikely", reason="r", gain=0.0, seconds=seconds)

    (group,) = grouped([line("long", 3, None), line("short", 1, None), line("slow", 1, 9.0), line("quick", 2, 1.0)])
    assert [found.name for found in group.nearest] == ["quick", "slow", "short", "long"]


def test_the_file_has_every_sequence_of_a_plan_with_its_reason(lab: MakeLab) -> None:
    planned = lab().plan(trials=2, minutes=0.5)
    rows = list(csv.DictReader(io.StringIO(as_csv(planned.untried).decode())))
    assert [(row["name"], row["why"], row["reason"]) for row in rows] == [
        (line.name, line.why, line.reason) for line in planned.untried
    ]
    assert all(float(row["gain"]) >= 0 and float(row["seconds"]) > 0 for row in rows if row["why"] == "over budget")
    assert max(len(group.nearest) for group in grouped(planned.untried)) <= NEAREST < len(rows)
