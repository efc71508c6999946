"""Undeclared levels are refused with their rows, and rare ones are noted where no levels are declared."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from marketfit.brief import AttributeSpec, MarketSpec, SurveyFile, load_market
from marketfit.engine import Run
from marketfit.errors import BriefError, DataError
from marketfit.research.instruments.choice import Choice
from marketfit.research.instruments.competitors import Competitors

Maker = Callable[..., pl.DataFrame]


def market(privacy: tuple[str, ...] = (), price: tuple[float | str, ...] = ()) -> MarketSpec:
    return MarketSpec(
        attributes={
            "accuracy": AttributeSpec(metric="accuracy", better="higher"),
            "privacy": AttributeSpec(offer=("on-device",), levels=privacy),
            "price": AttributeSpec(offer=(2.0, 5.0), better="lower", levels=price),
        },
        model="logit",
    )


DECLARED = market(privacy=("cloud", "on-device"), price=(2.0, 4.0, 6.0))


def written(folder: Path, table: pl.DataFrame, wrong: dict[tuple[int, str], str]) -> SurveyFile:
    """The table with other cells, by row (from 1) and column."""
    lines = [list(table.columns), *([str("" if cell is None else cell) for cell in row] for row in table.rows())]
    for (row, column), text in wrong.items():
        lines[row][table.columns.index(column)] = text
    path = folder / "choices.csv"
    path.write_text("\n".join(",".join(line) for line in lines) + "\n", "utf-8")
    return SurveyFile(source=path)


def told(error: pytest.ExceptionInfo[DataError], folder: Path) -> list[str]:
    return [str(problem).replace(f"{folder}/", "") for problem in error.value.problems]


def test_undeclared_levels_are_refused_together_with_their_rows(tmp_path: Path, make_choices: Maker) -> None:
    table = make_choices(people=4)
    assert Choice().read(written(tmp_path, table, {}), DECLARED).notes == ()
    wrong = {(1, "privacy"): "on devise", (6, "privacy"): "on devise", (7, "privacy"): "?", (2, "price"): "5"}
    with pytest.raises(DataError) as error:
        Choice().read(written(tmp_path, table, {**wrong, (3, "price"): "dear"}), DECLARED)
    add = "correct the cells, or add it to market.attributes"
    assert told(error, tmp_path) == [
        f"choices.csv: column 'privacy', rows 1, 6: 'on devise' is no level of 'privacy'; did you mean 'on-device'? → "
        f"{add}.privacy.levels",
        f"choices.csv: column 'privacy', row 7: '?' is no level of 'privacy'; allowed: cloud, on-device → "
        f"{add}.privacy.levels",
        "choices.csv: column 'price', row 3: 'dear' is no number; numbers; to make them names, quote an offer of the "
        "attribute in the brief → correct the cells",
        f"choices.csv: column 'price', row 2: '5' is no level of 'price'; allowed: 2, 4, 6 → {add}.price.levels",
    ]


def test_many_undeclared_levels_are_counted(tmp_path: Path, make_choices: Maker) -> None:
    table = make_choices(people=4, none=False)
    with pytest.raises(DataError) as error:
        Choice().read(written(tmp_path, table, {(row, "privacy"): f"z{row}" for row in range(1, 31)}), DECLARED)
    assert len(error.value.problems) == 21
    assert error.value.problems[-1].where.endswith("rows 21, 22, 23, 24, 25, 26, 27, 28, 29, 30")
    assert error.value.problems[-1].found == "10 more values are no levels of 'privacy'"


def test_a_wide_export_names_its_own_rows(tmp_path: Path) -> None:
    path = tmp_path / "wide.csv"
    path.write_text("id,x,Q1,F-1-1-1,F-1-2-1\na,0,1,cloud,on-device\nb,0,2,clowd,on-device\n", "utf-8")
    wide = {"picked": "Q{task}", "shown": "F-{task}-{alternative}-{attribute}"}
    file = SurveyFile.model_validate({"source": path, "columns": {"respondent": "id"}, "wide": wide})
    one = MarketSpec(attributes={"privacy": DECLARED.attributes["privacy"]})
    with pytest.raises(DataError) as error:
        Choice().read(file, one)
    (problem,) = error.value.problems
    assert problem.where == f"{path}: column 'F-1-1-1', row 2"
    assert (problem.found, problem.allowed) == ("'clowd' is no level of 'privacy'", "did you mean 'cloud'?")


def test_competitors_have_declared_names_and_any_number(tmp_path: Path) -> None:
    path = tmp_path / "competitors.csv"
    path.write_text("offer,accuracy,privacy,price\nX,0.9,cloud,4.5\nY,0.9,claud,4\n", "utf-8")
    with pytest.raises(DataError) as error:
        Competitors().read(SurveyFile(source=path), DECLARED)
    (problem,) = error.value.problems
    assert problem.where == f"{path}: column 'privacy', row 2"
    assert problem.found == "'claud' is no level of 'privacy'"


def test_a_rare_level_is_noted_and_explains_a_model_that_fails(tmp_path: Path, make_choices: Maker, run: Run) -> None:
    table = make_choices(people=30)
    rows = [row for row, cell in enumerate(table["privacy"], start=1) if cell == "cloud"][:5]
    file = written(tmp_path, table, {(row, "privacy"): "clowd" for row in rows})
    answers = Choice().read(file, market())
    assert answers.notes == (
        f"choices.csv: column 'privacy', rows {', '.join(map(str, rows))}: the level 'clowd' stands in 5 of 720 rows "
        "alone; did you mean 'cloud'? → correct the cells, or declare market.attributes.privacy.levels.",
    )
    never = table.with_columns(chosen=pl.col("chosen"))
    chosen = [row for row, (cell, won) in enumerate(never.select("privacy", "chosen").rows(), start=1)
              if cell == "cloud" and won == 0][:3]  # fmt: skip
    answers = Choice().read(written(tmp_path, never, {(row, "privacy"): "clowd" for row in chosen}), market())
    with pytest.raises(DataError) as error:
        Choice().estimate(answers, market(), run=run)
    assert "without exception" in str(error.value.problems[0])
    assert error.value.problems[-1].where.endswith(f"column 'privacy', rows {', '.join(map(str, chosen))}")


def test_numbers_may_be_rare_too_but_not_all_of_them(tmp_path: Path, make_choices: Maker) -> None:
    table = make_choices(people=30)
    row = table["price"].to_list().index(4.0) + 1
    (note,) = Choice().read(written(tmp_path, table, {(row, "price"): "40"}), market()).notes
    assert f"row {row}: the level '40' stands in 1 of 720 rows alone; did you mean 6?" in note
    table = table.with_columns(price=pl.when(pl.col("price").is_not_null()).then(pl.int_range(pl.len())))
    assert Choice().read(written(tmp_path, table, {}), market()).notes == ()


def test_levels_of_a_brief_that_do_not_fit(tmp_path: Path) -> None:
    path = tmp_path / "brief.yaml"
    start = "product: p\nmarket:\n  attributes:\n"
    for given, said in (
        ("    privacy: {offer: cloud, levels: [clowd, none]}\n", "did you mean 'clowd'?"),
        ("    privacy: {offer: a, levels: [a, b, a]}\n", "the level 'a' is there twice"),
    ):
        path.write_text(start + given, "utf-8")
        with pytest.raises(BriefError, match=r"brief.yaml:4: market.attributes.privacy") as error:
            load_market(path)
        assert said in str(error.value)
    with pytest.raises(DataError, match=r"market.attributes.price.levels: '2' is no number"):
        Choice().read(SurveyFile(source=path), market(price=("2", 4.0)))
