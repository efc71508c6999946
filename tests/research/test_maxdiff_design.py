from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketfit.errors import DataError
from marketfit.research.maxdiff_design import MaxDiffPlan, best_worst_design


def met(design: np.ndarray, items: int) -> np.ndarray:
    """How often two items are in one task; on the diagonal, how often an item is shown."""
    together = np.zeros((items, items), dtype=int)
    for task in design:
        together[np.ix_(task, task)] += 1
    return together


def plan(items: int, shown: int, tasks: int | None, **more: int) -> MaxDiffPlan:
    names = tuple(f"item {n}" for n in range(items))
    return MaxDiffPlan(items=names, shown=shown, tasks=tasks, **{"respondents": 100, **more})


@settings(max_examples=30, deadline=None, derandomize=True)
@given(items=st.integers(4, 16), shown=st.integers(3, 5), rounds=st.integers(1, 4), seed=st.integers(0, 999))
def test_items_and_places_are_balanced(items: int, shown: int, rounds: int, seed: int) -> None:
    shown = min(shown, items)
    tasks = -(-items * rounds // shown)
    designs = list(best_worst_design(plan(items, shown, tasks, versions=3), seed=seed))
    assert len(designs) == 3
    for design in designs:
        assert design.shape == (tasks, shown)
        assert all(len(set(task)) == shown for task in design.tolist())
        assert np.ptp(np.diag(met(design, items))) <= 1
        places = np.stack([np.bincount(design[:, place], minlength=items) for place in range(shown)])
        assert np.ptp(places, axis=0).max() <= 1
    assert np.ptp(sum(np.diag(met(design, items)) for design in designs)) <= 1


@pytest.mark.parametrize(
    ("items", "shown", "tasks", "pairs"), [(7, 3, 7, 1), (7, 4, 7, 2), (9, 3, 12, 1), (13, 4, 13, 1), (6, 3, 10, 2)]
)
def test_where_a_balanced_incomplete_block_design_exists_it_is_found(
    items: int, shown: int, tasks: int, pairs: int
) -> None:
    """Fano's plane and its complement, the affine plane of order 3, the projective one: λ = r (k − 1) / (v − 1)."""
    for design in best_worst_design(plan(items, shown, tasks, versions=2), seed=0):
        together = met(design, items)
        assert set(together[np.triu_indices(items, 1)].tolist()) == {pairs}


def test_pairs_even_out_over_the_versions() -> None:
    together = sum(met(design, 20) for design in best_worst_design(plan(20, 4, 15, versions=20), seed=1))
    pairs = np.asarray(together)[np.triu_indices(20, 1)]
    assert pairs.max() - pairs.min() <= 2
    assert pairs.mean() == pytest.approx(20 * 15 * 6 / 190)


@pytest.mark.parametrize("shown", [3, 4, 5])
@pytest.mark.parametrize("tasks", [None, 2, 3, 7])
def test_five_items_can_be_asked_about(shown: int, tasks: int | None) -> None:
    """So few that all but one are in every task, or all of them."""
    for seed in range(5):
        for design in best_worst_design(plan(5, shown, tasks), seed=seed):
            assert np.ptp(np.diag(met(design, 5))) <= 1
            assert all(len(set(task)) == shown for task in design.tolist())


def test_the_seed_decides() -> None:
    one, same, other = (np.stack(list(best_worst_design(plan(8, 4, 6), seed=seed))) for seed in (1, 1, 2))
    assert (one == same).all()
    assert (one != other).any()


def test_without_a_number_of_tasks_each_item_is_shown_three_times() -> None:
    assert plan(12, 4, None).task_count == 9
    (design, *_) = best_worst_design(plan(12, 4, None), seed=0)
    assert (np.diag(met(design, 12)) == 3).all()


def test_an_impossible_plan_is_refused() -> None:
    with pytest.raises(DataError) as error:
        list(best_worst_design(MaxDiffPlan(items=("a", "a", "b"), shown=4, tasks=1, respondents=1), seed=0))
    assert len(error.value.problems) == 2
    with pytest.raises(DataError, match="2 tasks of 4 leave some of the 12 items out"):
        list(best_worst_design(plan(12, 4, 2), seed=0))
