"""Findings on the page: nothing vanishes, and every curve has its data."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from marketfit.records.findings import Drawing, Finding, FindingTable
from marketfit.records.market import MarketView
from marketfit.report.blocks import Chart, Table
from marketfit.report.page import Head, render_market
from marketfit.report.sections.findings import finding_blocks
from marketfit.workspace import Workspace

CURVES = ("too cheap", "not cheap", "cheap", "expensive", "not expensive", "too expensive")


def found(*tables: FindingTable, notes: tuple[str, ...] = ()) -> Finding:
    return Finding(
        instrument="price-sensitivity", title="Prices", respondents=9, answers=9, simulated=False, tables=tables,
        notes=notes,
    )  # fmt: skip


def page(finding: Finding, folder: Path) -> str:
    head = Head("p", "k", "brief.yaml", "", "", "s", (), "")
    view = MarketView(choice=None, competitors=(), opinions=None, findings=(finding,), notes=())
    return render_market(view, head, workspace=Workspace(folder))


def judged(count: int) -> FindingTable:
    rows = tuple((f"person {k:05d}", "left out", "chooses by position, not by product") for k in range(count))
    return FindingTable(title="Looked at twice", columns=("respondent", "what becomes", "reasons"), rows=rows)


def test_everybody_who_is_judged_is_on_the_page_and_folds(tmp_path: Path) -> None:
    text = page(found(judged(3000)), tmp_path)
    assert all(text.count(f"person {k:05d}") == 1 for k in range(3000))
    assert "left out here" not in text
    assert re.search(r"<details><summary>Looked at twice: all 3,000 rows</summary>\s*<div", text)
    assert len(text) < 3000 * 200 + 20_000
    assert "<summary>Looked at twice" not in page(found(judged(60)), tmp_path)


def test_a_note_that_names_hundreds_names_them_all(tmp_path: Path) -> None:
    named = ", ".join(f"p{k:03d}" for k in range(400))
    text = page(found(notes=(f"Left out: {named}.", *(f"note {k:03d}" for k in range(40)))), tmp_path)
    assert f"{named}." in text
    assert re.search(r"<details><summary>Left out: p000", text)
    assert all(f"note {k:03d}" in text for k in range(40))


def test_every_curve_has_its_data_a_row_for_each_price() -> None:
    prices = [round(1 + 0.1 * k, 2) for k in range(60)]
    table = FindingTable(
        title="Price curves",
        columns=("price", "curve", "percent"),
        rows=tuple((price, curve, 10.0 * place + price) for place, curve in enumerate(CURVES) for price in prices),
        drawing=Drawing(kind="curves", x="price", y="percent", series="curve"),
    )
    (drawn,) = [block for block in finding_blocks(found(table)) if isinstance(block, Chart)]
    data = drawn.data
    assert data is not None
    assert data.caption == "Price curves, in percent"
    assert [(column.title, column.numeric) for column in data.columns] == [(name, True) for name in ("price", *CURVES)]
    assert data.left_out == 0
    assert [cell.text for cell in data.rows[59].cells] == ["6.9", "6.9", "16.9", "26.9", "36.9", "46.9", "56.9"]
    assert len(data.rows) == 60


@pytest.mark.parametrize(
    ("rows", "head", "first"),
    [
        (((1.0, "a", 5.0, 4.0), (2.0, "b", 7.0, 6.0)), ["x", "a: y", "a: low", "b: y", "b: low"], ["1", "5", "4"]),
        (((1.0, "a", 5.0, 4.0), (1.0, "a", 6.0, 5.0), (1.0, "b", 7.0, 6.0)), ["x", "s", "y", "low"], ["1", "a", "5"]),
        (((1.0, "a", 5.0, 4.0), (2.0, "a", 6.0, 5.0)), ["x", "s", "y", "low"], ["1", "a", "5"]),
    ],
    ids=["ends go with their curve", "a place that is there twice", "one curve"],
)  # fmt: skip
def test_bands_and_tables_that_can_not_be_wide(
    rows: tuple[tuple[float | str, ...], ...], head: list[str], first: list[str]
) -> None:
    drawing = Drawing(kind="curves", x="x", y="y", series="s", low="low")
    table = FindingTable(title="T", columns=("x", "s", "y", "low"), rows=rows, drawing=drawing)
    (drawn,) = [block for block in finding_blocks(found(table)) if isinstance(block, Chart)]
    assert drawn.data is not None
    assert [column.title for column in drawn.data.columns] == head
    assert [cell.text for cell in drawn.data.rows[0].cells][:3] == first


def test_a_picture_of_some_of_the_rows_says_so() -> None:
    rows = tuple((f"item {k}", float(k), float(k - 1), float(k + 1)) for k in range(70))
    drawing = Drawing(kind="intervals", x="value", label="item", low="low", high="high")
    table = FindingTable(title="Items", columns=("item", "value", "low", "high"), rows=rows, drawing=drawing)
    (drawn,) = [block for block in finding_blocks(found(table)) if isinstance(block, Chart)]
    assert isinstance(drawn.data, Table)
    assert len(drawn.data.rows) == 70
    assert "The picture shows the first 40 of 70 rows." in drawn.data.note
