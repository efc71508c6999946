"""Every mistake in a survey file is told with file and row, all at once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from marketfit.brief import AttributeSpec, MarketSpec, SurveyFile, load_market
from marketfit.errors import DataError
from marketfit.research.instruments.choice import Choice
from marketfit.research.instruments.competitors import Competitors
from marketfit.research.instruments.opinions import Opinions
from marketfit.research.reading import Instruments, read_answers

MARKET = MarketSpec(
    attributes={
        "accuracy": AttributeSpec(metric="accuracy", better="higher"),
        "privacy": AttributeSpec(offer=("on-device",)),
        "price": AttributeSpec(offer=(2.0, 4.0), better="lower"),
    }
)
COMPETITORS = "offer,accuracy,privacy,price\nRival,0.9,cloud,4\nOther,0.8,on-device,2\n"
HEADER = "respondent,task,alternative,chosen,accuracy,privacy,price\n"
GOOD = "a,1,1,1,0.8,cloud,2\na,1,2,0,0.9,on-device,4\na,1,none,0,,,\n"


def refusal(read: Callable[[SurveyFile, MarketSpec], object], path: Path, content: str | bytes) -> list[str]:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(DataError) as error:
        read(SurveyFile(source=path), MARKET)
    assert all(problem.where.startswith(str(path)) for problem in error.value.problems)
    return [str(problem) for problem in error.value.problems]


def choices(tmp_path: Path, content: str | bytes) -> list[str]:
    return refusal(Choice().read, tmp_path / "choices.csv", content)


def test_good_choices_are_read(tmp_path: Path) -> None:
    path = tmp_path / "choices.csv"
    path.write_text("\ufeff" + HEADER + GOOD, "utf-8")
    data = Choice().read(SurveyFile(source=path), MARKET).data
    assert (data.tasks, data.rows, data.none, data.respondents) == (1, 3, "none", 1)
    assert data.attributes[1].levels == ("cloud", "on-device")


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("b,1,1,1,0.8,cloud,two\nb,1,2,0,0.9,cloud,4\n", "column 'price', row 4: 'two' is no number"),
        ("b,1,1,1,0.8,cloud,2\nb,1,2,1,0.9,cloud,4\n", "rows 4, 5: two or more are chosen"),
        ("b,1,1,0,0.8,cloud,2\nb,1,2,0,0.9,cloud,4\n", "row 4: nothing is chosen"),
        ("b,1,1,1,0.8,cloud,2\n", "row 4: the task has a single alternative"),
        (",1,1,1,0.8,cloud,2\n,1,2,0,0.9,cloud,4\n", "rows 4, 5: the respondent is missing"),
        ("b,1,1,1,,cloud,2\nb,1,2,0,0.9,cloud,4\n", "column 'accuracy', row 4: a value is missing"),
        ("b,1,1,yes,0.8,cloud,2\nb,1,2,0,0.9,cloud,4\n", "column 'chosen', row 4: 'yes' is no number"),
        ("b,1,1,1,0.8,cloud,2,9\nb,1,2,0,0.9,cloud,4\n", "row 4: has 8 cells; 7 as in the header"),
        ("b,1,1,1,0.8,,2\nb,1,2,0,0.9,cloud,4\n", "column 'privacy', row 4: a value is missing"),
        ("b,1,1,1,0.8,cloud,2\nb,1,1,0,0.9,cloud,4\n", "row 5: the alternative is already in the task"),
        ('b,1,1,1,0.8,cloud,2\nb,1,2,0,0.9,"cloud,4\n', "a quotation mark is not closed"),
    ],
)
def test_a_bad_answer_is_told_with_its_row(tmp_path: Path, rows: str, said: str) -> None:
    assert any(said in problem for problem in choices(tmp_path, HEADER + GOOD + rows))


def test_all_mistakes_come_at_once(tmp_path: Path) -> None:
    header = HEADER.replace("price", "prize")
    rows = "b,1,1,1,low,cloud,2\nb,1,2,1,0.9,cloud,4\nc,1,1,1,0.8,cloud\nc,1,2,0,0.9,cloud,4\n"
    told = "\n".join(choices(tmp_path, header + GOOD + rows))
    for said in ("did you mean 'prize'?", "'low' is no number", "rows 4, 5: two or more", "row 6: has 6 cells"):
        assert said in told


def test_a_broken_row_keeps_its_place(tmp_path: Path) -> None:
    rows = "b,1,1,1,0.8\nb,1,2,0,0.9,cloud,4\nc,1,1,1,0.8,cloud,two\nc,1,2,0,0.9,cloud,4\n"
    told = "\n".join(choices(tmp_path, HEADER + GOOD + rows))
    assert "row 4: has 5 cells" in told
    assert "column 'privacy', row 4: a value is missing" in told
    assert "column 'price', row 6: 'two' is no number" in told


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"\n", "first line is empty"),
        ((HEADER + GOOD).encode().replace(b"cloud", b"\xff\xfe"), "UTF-8"),
    ],
)
def test_files_that_are_no_survey(tmp_path: Path, content: bytes, said: str) -> None:
    assert any(said in problem for problem in choices(tmp_path, content))


def test_a_huge_field_is_an_error_and_not_a_crash(tmp_path: Path) -> None:
    content = HEADER + GOOD + 'b,1,1,1,0.8,"' + "x" * 40_000_000
    assert any("quotation mark" in problem for problem in choices(tmp_path, content))


def test_other_kinds_of_files(tmp_path: Path) -> None:
    told = refusal(Choice().read, tmp_path / "choices.xlsx", b"PK")
    assert "csv, tsv, jsonl or parquet" in told[0]
    told = refusal(Choice().read, tmp_path / "choices.parquet", b"PAR1 no")
    assert "Parquet" in told[0] or "cannot be read" in told[0]


def test_jsonl_names_broken_lines_and_mixed_columns(tmp_path: Path) -> None:
    good = '{"item": "hi", "respondent": 1, "label": "x"}\n'
    told = refusal(Opinions().read, tmp_path / "o.jsonl", good + "{oops\n" + '{"item": 5, "respondent": 2}\n')
    assert any("row 2: is no JSON object" in problem for problem in told)
    assert any("column 'label', rows 2, 3: is empty" in problem for problem in told)


def test_names_may_be_numbers(tmp_path: Path, make_choices: Callable[..., pl.DataFrame]) -> None:
    table = make_choices(people=3).with_columns(
        privacy=pl.when(pl.col("privacy") == "cloud")
        .then(1)
        .otherwise(pl.when(pl.col("privacy").is_not_null()).then(2))
    )
    path = tmp_path / "choices.parquet"
    table.write_parquet(path)
    assert Choice().read(SurveyFile(source=path), MARKET).data.attributes[1].levels == ("1", "2")


def test_a_direction_for_names_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "choices.csv"
    path.write_text(HEADER + GOOD, "utf-8")
    market = MarketSpec(attributes={**MARKET.attributes, "privacy": AttributeSpec(offer=("a",), better="higher")})
    with pytest.raises(DataError, match="a direction needs numbers"):
        Choice().read(SurveyFile(source=path), market)


def test_competitors(tmp_path: Path) -> None:
    content = "offer,accuracy,privacy,price\nX,0.9,cloud,\nx,high,,3\nnone,0.8,cloud,2\n,0.8,cloud,2\n"
    told = "\n".join(refusal(Competitors().read, tmp_path / "c.csv", content))
    for said in (
        "row 2: the offer 'x' is in row 1 already",
        "row 3: 'none' is the name of buying nothing",
        "column 'offer', row 4: is empty",
        "column 'price', row 1: is empty",
        "column 'accuracy', row 2: 'high' is no number",
        "column 'privacy', row 2: is empty",
    ):
        assert said in told


def test_opinions_of_one_person_on_one_item_in_two_spellings(tmp_path: Path) -> None:
    content = "item,respondent,label\nturn  on,a,x\nbye,a,y\n turn on ,a,y\nturn on,b,\n"
    told = "\n".join(refusal(Opinions().read, tmp_path / "o.csv", content))
    assert "rows 1, 3: a respondent answers an item more than once" in told
    assert "column 'label', row 4: is empty" in told


def test_columns_that_nobody_asked_for_are_named(tmp_path: Path) -> None:
    path = tmp_path / "o.csv"
    path.write_text("item,respondent,label,age\nhi,a,x,30\n", "utf-8")
    assert Opinions().read(SurveyFile(source=path), MARKET).unused == ("age",)


def test_semicolons_with_decimal_commas(tmp_path: Path) -> None:
    path = tmp_path / "choices.csv"
    content = HEADER + GOOD
    path.write_text(content.replace(",", ";").replace("0.", "0,").replace(";2\n", ";2,50\n"), "utf-8")
    data = Choice().read(SurveyFile(source=path), MARKET).data
    assert data.attributes[0].values[~data.is_none].tolist() == [0.8, 0.9]
    assert data.attributes[2].values[~data.is_none].tolist() == [2.5, 4.0]


def test_a_point_beside_decimal_commas_might_part_thousands(tmp_path: Path) -> None:
    rows = "b;1;1;1;0,8;cloud;1.000\nb;1;2;0;0,9;cloud;2,5\n"
    told = choices(tmp_path, HEADER.replace(",", ";") + rows)
    assert len(told) == 1
    assert "column 'price', row 2: '2,5' is no number" in told[0]
    # With commas between cells, a cell in quotes with a comma stays what it is.
    told = choices(tmp_path, HEADER + GOOD + 'b,1,1,1,0.8,cloud,"2,5"\nb,1,2,0,0.9,cloud,4\n')
    assert any("column 'price', row 4: '2,5' is no number" in one for one in told)


def test_columns_of_a_brief_are_looked_up_under_semicolons(tmp_path: Path, put_market: Callable[..., Path]) -> None:
    competitors = COMPETITORS.replace(",", ";").replace("0.", "0,")
    brief = load_market(put_market(tmp_path, competitors=competitors))
    read = read_answers(brief, Instruments.load())
    assert read.competitors is not None
    assert [offer.attributes["accuracy"] for offer in read.competitors.offers] == [0.9, 0.8]
    said = "cells are parted by semicolons, as in its header. In columns of numbers, 2,5 is read as 2.5."
    assert read.notes == (f"competitors.csv: {said}",)
