"""A design as CSV and back, without loss."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketfit.demand import ChoiceDesign, DesignSpace, Prohibition, balanced_design, read_design, write_design
from marketfit.errors import DataError

SPACE = DesignSpace({"brand": ("a", "b"), "price": (1.0, 2.5)}, tasks=2, alternatives=2)

names = st.text(st.characters(exclude_categories=("Cs", "Cc"), include_characters="\n\t"), min_size=1).filter(str.strip)
numbers = st.floats(allow_nan=False, allow_infinity=False)


@settings(deadline=None)
@given(
    text=st.lists(names, min_size=2, max_size=4, unique=True),
    number=st.lists(numbers, min_size=2, max_size=4, unique_by=lambda x: f"{x + 0.0:.15g}"),
    seed=st.integers(0, 99),
)
def test_any_levels_read_back_exactly(
    tmp_path_factory: pytest.TempPathFactory, text: list[str], number: list[float], seed: int
) -> None:
    levels: dict[str, tuple[float | str, ...]] = {'a, "name"': tuple(text), "x": tuple(number), "y": ("1", 2.0, "none")}
    space = DesignSpace(levels, tasks=3, versions=2)
    rng = np.random.default_rng(seed)
    design = ChoiceDesign(space, np.stack([rng.integers(size, size=space.shape[:3]) for size in space.sizes], axis=-1))
    path = tmp_path_factory.mktemp("designs") / "design.csv"
    write_design(design, path)
    assert read_design(path, space) == design


def test_the_file_is_one_row_per_alternative(tmp_path: Path) -> None:
    path = tmp_path / "design.csv"
    write_design(ChoiceDesign(SPACE, np.array([[[[0, 0], [1, 1]], [[1, 0], [0, 1]]]])), path)
    assert path.read_text("utf-8").splitlines() == [
        '"version","task","alternative","brand","price"',
        '1,1,1,"a","1.0"', '1,1,2,"b","2.5"', '1,2,1,"b","1.0"', '1,2,2,"a","2.5"',
    ]  # fmt: skip


def test_rows_in_any_order_and_numbers_as_people_write_them(tmp_path: Path) -> None:
    path = tmp_path / "design.csv"
    path.write_text("task,price,brand,alternative,version\n2,2.50,a,2,1\n1,1,a,1,1\n2,1,b,1,1\n1,2.5,b,2,1\n")
    assert read_design(path, SPACE).codes.tolist() == [[[[0, 0], [1, 1]], [[1, 0], [0, 1]]]]


def test_every_mistake_is_told_with_its_row(tmp_path: Path) -> None:
    path = tmp_path / "design.csv"
    path.write_text("version,task,alternative,brand,price\n1,1,1,a,1\n1,1,2,aa,x\n1,3,1,b,1\n1,2,zwei,a,2.5\n")
    with pytest.raises(DataError) as error:
        read_design(path, SPACE)
    told = str(error.value)
    for part in (
        "row 3, column 'task': is '3'; 1 to 2",
        "row 4, column 'alternative': is 'zwei'",
        "row 2, column 'brand': unknown level 'aa'",
        "row 2, column 'price': unknown level 'x'; allowed: 1, 2.5",
    ):
        assert part in told
    path.write_text("version,task,alternative,brand,price\n1,1,1,a,1\n1,1,1,b,1\n1,2,1,b,1\n1,2,2,a,2.5\n")
    with pytest.raises(DataError) as error:
        read_design(path, SPACE)
    assert "version 1, task 1, alternative 1: is there twice" in str(error.value)
    assert "version 1, task 1, alternative 2: is missing" in str(error.value)
    path.write_text("version,task,alternative,brand\n")
    with pytest.raises(DataError, match="column 'price': is missing"):
        read_design(path, SPACE)
    with pytest.raises(DataError, match="cannot be read"):
        read_design(tmp_path / "nowhere.csv", SPACE)


def test_a_file_cannot_bring_a_prohibited_alternative_in(tmp_path: Path) -> None:
    path = tmp_path / "design.csv"
    design = balanced_design(SPACE)
    write_design(design, path)
    strict = DesignSpace(SPACE.levels, tasks=2, alternatives=2, prohibited=(Prohibition({"brand": "a"}),))
    with pytest.raises(DataError, match="is prohibited: brand a"):
        read_design(path, strict)
