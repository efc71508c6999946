"""A step's result is kept under the digest of all that could change it, and of nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from marketfit.brief import Brief, load_brief
from marketfit.engine import Run, start, step
from marketfit.records.data import Count

CALLS: list[str] = []


@step(version=1, gives=Count, reads=("seed", "data"))
def counted(brief: Brief, before: Count | None, /, *, run: Run) -> Count:
    CALLS.append(run.id)
    return Count(reason=f"seed {brief.seed}", rows=1 + (before.rows if before else 0))


@pytest.fixture(autouse=True)
def _forget() -> None:
    CALLS.clear()


def test_the_second_call_is_free(brief: Brief, run: Run) -> None:
    first = counted(brief, None, run=run)
    assert counted(brief, None, run=run) == first
    assert len(CALLS) == 1
    assert "counted" in run.seconds


def test_another_input_is_another_result(brief: Brief, run: Run) -> None:
    first = counted(brief, None, run=run)
    assert counted(brief, first, run=run).rows == 2
    assert len(CALLS) == 2


def test_only_the_part_that_is_read_counts(brief: Brief, run: Run, write_brief: Callable[..., Path]) -> None:
    counted(brief, None, run=run)
    counted(brief.model_copy(update={"weights": {"accuracy": 2.0}}), None, run=run)
    assert len(CALLS) == 1
    counted(brief.model_copy(update={"seed": 1}), None, run=run)
    assert len(CALLS) == 2
    counted(load_brief(write_brief(data="text,label\nchanged,a\n")), None, run=run)
    assert len(CALLS) == 3


def test_a_result_outlives_its_run(brief: Brief, tmp_path: Path) -> None:
    for _ in range(2):
        with start(brief, workspace=tmp_path / "w", command="test") as run:
            counted(brief, None, run=run)
    assert len(CALLS) == 1


def test_a_step_needs_a_run_and_records(brief: Brief, run: Run) -> None:
    with pytest.raises(TypeError, match="run=Run"):
        counted(brief, None, run=None)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="takes records"):
        counted(brief, object(), run=run)  # type: ignore[arg-type]


def test_random_streams_have_names(run: Run) -> None:
    assert run.rng("a").random() == run.rng("a").random() != run.rng("b").random()
    assert 0 <= run.seed_for("tune", 3) < 2**31
