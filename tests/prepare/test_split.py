"""The assignment to splits: properties that must hold for any rows."""

from __future__ import annotations

from collections import Counter, defaultdict

from hypothesis import given, settings
from hypothesis import strategies as st

from marketfit.prepare.keys import Keys
from marketfit.prepare.rows import Split
from marketfit.prepare.split import Material, assign, part_quotas

ROW = st.tuples(st.integers(0, 10_000), st.sampled_from("abcd"), st.sampled_from(["g1", "g2", "g3", "g4", "g5", None]))
ROWS = st.lists(ROW, min_size=1, max_size=80, unique_by=lambda row: row[0])


def material(rows: list[tuple[int, str, str | None]], given_splits: list[Split | None] | None = None) -> Material:
    keys = Keys.of([f"text {number}" for number, _, _ in rows])
    labels = [label for _, label, _ in rows]
    groups = [group for _, _, group in rows]
    return Material(keys, labels, given_splits or [None] * len(rows), groups)


def without_groups(rows: list[tuple[int, str, str | None]]) -> list[tuple[int, str, str | None]]:
    return [(number, label, None) for number, label, _ in rows]


@given(ROWS, st.integers(0, 3))
def test_every_class_of_three_is_in_every_split(rows: list[tuple[int, str, str | None]], seed: int) -> None:
    splits = assign(material(without_groups(rows)), seed=seed)
    parts: dict[str, set[Split]] = defaultdict(set)
    for (_, label, _), split in zip(rows, splits, strict=True):
        parts[label].add(split)
    for label, rows_of in Counter(label for _, label, _ in rows).items():
        assert "train" in parts[label]
        assert rows_of < 3 or parts[label] == {"train", "valid", "test"}


@given(ROWS)
@settings(max_examples=200)
def test_groups_never_cross_and_every_class_is_trained(rows: list[tuple[int, str, str | None]]) -> None:
    splits = assign(material(rows), seed=0)
    homes: dict[str, set[Split]] = defaultdict(set)
    for (_, _, group), split in zip(rows, splits, strict=True):
        if group is not None:
            homes[group].add(split)
    assert all(len(home) == 1 for home in homes.values())
    trained = {label for (_, label, _), split in zip(rows, splits, strict=True) if split == "train"}
    assert trained == {label for _, label, _ in rows}


@given(ROWS, st.randoms(use_true_random=False))
def test_the_order_of_the_file_does_not_matter(rows: list[tuple[int, str, str | None]], random: object) -> None:
    shuffled = list(rows)
    random.shuffle(shuffled)  # type: ignore[attr-defined]  # hypothesis types it as object
    for change in (list, without_groups):
        one = dict(zip(change(rows), assign(material(change(rows)), seed=1), strict=True))
        other = dict(zip(change(shuffled), assign(material(change(shuffled)), seed=1), strict=True))
        assert one == other


def test_rows_that_are_added_move_few() -> None:
    rows: list[tuple[int, str, str | None]] = [(number, "ab"[number % 2], None) for number in range(2000)]
    more: list[tuple[int, str, str | None]] = [(number, "ab"[number % 2], None) for number in range(2000, 2100)]
    before = assign(material(rows), seed=0)
    after = assign(material(rows + more), seed=0)
    moved = sum(one != other for one, other in zip(before, after, strict=False))
    assert moved <= 60


def test_what_the_user_gave_stays_and_valid_is_carved_from_train() -> None:
    rows: list[tuple[int, str, str | None]] = [(number, "ab"[number % 2], None) for number in range(200)]
    given_splits: list[Split | None] = ["test" if number < 50 else "train" for number in range(200)]
    splits = assign(material(rows, given_splits), seed=0)
    assert [number for number, split in enumerate(splits) if split == "test"] == list(range(50))
    assert Counter(splits)["valid"] == round(0.15 * 150)


def test_shares() -> None:
    assert sum(part_quotas({"a": 600, "b": 600}, ("test", "valid"))["test"].values()) == 300
    assert sum(part_quotas({"a": 300, "b": 300}, ("test", "valid"))["test"].values()) == 200
    large = part_quotas({"a": 50_000, "b": 50_000}, ("test", "valid"))
    assert {part: sum(quota.values()) for part, quota in large.items()} == {"test": 5000, "valid": 3000}


def test_group_shares_are_near_the_wanted_ones() -> None:
    rows: list[tuple[int, str, str | None]] = [(n, "ab"[n % 2], f"g{n // 10}") for n in range(2000)]
    counts = Counter(zip(assign(material(rows), seed=0), [label for _, label, _ in rows], strict=True))
    for label in "ab":
        assert abs(counts["test", label] - 250) <= 25
        assert abs(counts["valid", label] - 150) <= 25
