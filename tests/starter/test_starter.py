"""`marketfit new`: a folder that can be run as it is."""

from __future__ import annotations

import csv
import re
from collections import Counter
from pathlib import Path

import pytest

from marketfit.brief import Brief, describe, load_brief
from marketfit.engine import start
from marketfit.errors import InputError
from marketfit.position import rows_plan
from marketfit.prepare import inspect
from marketfit.starter import write_starter


@pytest.fixture
def starter(tmp_path: Path) -> Brief:
    return load_brief(write_starter(tmp_path / "a" / "product"))


def test_it_writes_a_brief_that_loads(starter: Brief) -> None:
    assert starter.product == "shop-inbox"
    assert starter.data.source.parent == starter.base
    assert sorted(path.name for path in starter.base.iterdir()) == ["brief.yaml", "messages.csv"]


def test_the_rows_are_enough_and_balanced(starter: Brief) -> None:
    with starter.data.source.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len({row["text"].casefold() for row in rows}) == len(rows) == 160
    assert Counter(row["label"] for row in rows) == dict.fromkeys(("delivery", "returns", "product", "account"), 40)


def test_its_test_split_can_prove_its_requirement(starter: Brief, tmp_path: Path) -> None:
    """Split by `prepare` itself: nothing is quarantined, and a true accuracy of 0.85 is as good as proved."""
    with start(starter, workspace=tmp_path / "workspace", command="test") as run:
        found = inspect(starter, progress=run.reporter)
    plan = rows_plan(starter, found.splits["test"])[0]
    assert plan.provable is not None
    assert plan.provable < 0.85


def test_every_option_in_its_comments_exists(starter: Brief) -> None:
    known = {part for name, _, _ in describe() for part in name.split(".")}
    text = starter.path.read_text(encoding="utf-8")
    named = re.findall(r"^# {1,5}([a-z_]+):", text, flags=re.MULTILINE)
    of_the_product = {"accuracy", "latency_ms", "price"}
    assert len(named) > 10
    assert set(named) - of_the_product <= known


def test_the_commented_market_is_a_valid_one(starter: Brief) -> None:
    head, _, market = starter.path.read_text(encoding="utf-8").partition("# market:\n")
    uncommented = "\n".join(line.removeprefix("# ") for line in ("# market:\n" + market).splitlines())
    headers = {
        "choices": "respondent,task,alternative,chosen,accuracy,latency_ms,price\n",
        "competitors": "offer,accuracy,latency_ms,price\n",
        "opinions": "item,respondent,label\n",
    }
    for name, header in headers.items():
        (starter.base / f"{name}.csv").write_text(header)
    starter.path.write_text(head + uncommented, encoding="utf-8")
    assert load_brief(starter.path).market.goal == "profit"


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("x")
    with pytest.raises(InputError, match=r"mine\.txt"):
        write_starter(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_file_in_the_way_is_an_instruction(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="name another"):
        write_starter(tmp_path / "file")
    with pytest.raises(InputError, match="cannot be written"):
        write_starter(tmp_path / "file" / "below")
