"""Files of all kinds, good and broken: what can be read is read, what can't has its row number and reason."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketfit.errors import DataError
from marketfit.prepare import read_csv as csv_reader
from marketfit.prepare.pieces import BadRow
from marketfit.prepare.read import read

Write = Callable[..., Path]
WANTED = {"text": "data.input", "label": "data.label"}


def read_all(path: Path) -> tuple[dict[int, tuple[object, ...]], list[BadRow]]:
    rows: dict[int, tuple[object, ...]] = {}
    bad: list[BadRow] = []
    for piece in read(path, WANTED):
        bad += piece.bad
        cells = zip(piece.columns["text"], piece.columns["label"], strict=True)
        rows |= dict(zip(piece.numbers, cells, strict=True))
    return rows, bad


def refusal(path: Path) -> str:
    with pytest.raises(DataError) as caught:
        read_all(path)
    return str(caught.value)


def test_csv_rows_keep_their_numbers(write: Write) -> None:
    content = '\ufefftext,label\r\na,x\r\n\r\nshort\r\n"two\nlines, and ""marks""",y\r\none,too,many\r\nb,x\r\n'
    rows, bad = read_all(write(content))
    assert rows == {1: ("a", "x"), 3: ('two\nlines, and "marks"', "y"), 5: ("b", "x")}
    assert [(row.number, row.reason) for row in bad] == [(2, "1 field instead of 2"), (4, "3 fields instead of 2")]


def test_csv_numbers_stay_right_over_many_blocks(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_reader, "CSV_BLOCK", 512)
    lines = ["bad" if number % 7 == 0 else f"text {number},{number}" for number in range(1, 1001)]
    rows, bad = read_all(write("text,label\n" + "\n".join(lines) + "\n"))
    assert all(label == str(number) for number, (_, label) in rows.items())
    assert [row.number for row in bad] == list(range(7, 1001, 7))
    assert len(rows) + len(bad) == 1000


def test_csv_last_row_may_be_bad(write: Write) -> None:
    rows, bad = read_all(write("text,label\nonly"))
    assert (rows, [row.number for row in bad]) == ({}, [1])


@pytest.mark.parametrize("name", ["data.csv", "data.tsv", "data.jsonl"])
def test_a_piece_of_bad_rows_only_has_all_columns(write: Write, name: str) -> None:
    parting = "\t" if name.endswith("tsv") else ","
    content = "{bad\n{worse\n" if name.endswith("jsonl") else f"text{parting}label\none\ntwo\n"
    pieces = list(read(write(content, name), WANTED))
    assert [(piece.numbers, dict(piece.columns)) for piece in pieces] == [([], {"text": [], "label": []})]
    assert [bad.number for bad in pieces[0].bad] == [1, 2]


def test_tsv(write: Write) -> None:
    rows, _ = read_all(write("text\tlabel\na, b\tx\n", "data.tsv"))
    assert rows == {1: ("a, b", "x")}


def test_other_columns_may_have_any_names(write: Write) -> None:
    rows, _ = read_all(write("text,label,note,note\na,x,1,2\n"))
    assert rows == {1: ("a", "x")}


@given(st.lists(st.tuples(st.text(st.characters(codec="utf-8", exclude_characters="\0\r")), st.just("x")), min_size=1))
def test_csv_gives_back_any_text(tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]]) -> None:
    path = tmp_path_factory.mktemp("csv") / "data.csv"
    quoted = [f'"{text.replace(chr(34), chr(34) * 2)}",{label}\n' for text, label in rows]
    path.write_text("text,label\n" + "".join(quoted), encoding="utf-8", newline="")
    found, bad = read_all(path)
    assert (list(found.values()), bad) == (rows, [])


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "the file is empty"),
        ("\n \n", "the file is empty"),
        ("text,label", "a header but no rows"),
        (b"text,label\na,b\ncaf\xe9,x\n", "line 3 is not UTF-8 (byte 18)"),
        ("text,label\na,b\n".encode("utf-16"), "UTF-16"),
        ("txt,label\na,b\n", "did you mean 'txt'?"),
        ("text,label,text\na,b,c\n", "has 2 columns 'text'"),
        ("text|label\na|b\n", "separated by commas, semicolons or tabs"),
        ('text,label\na,b\n"open,b\nc,d\ne,f\n', "data row 2: a quotation mark that is never closed swallows the 2"),
        ('text,label\na,"b\nc,d\n', "data row 1: a quotation mark that is never closed swallows the 1"),
    ],
)
def test_csv_refused(write: Write, content: str | bytes, says: str) -> None:
    assert says in refusal(write(content))


def test_semicolons_and_tabs_as_spreadsheets_write_them(write: Write) -> None:
    """A comma in a text then parts nothing."""
    assert read_all(write('text;label\none, two;x\n"a;b";y\nc\n')) == (
        {1: ("one, two", "x"), 2: ("a;b", "y")},
        [BadRow(number=3, reason="1 field instead of 2", content="c")],
    )
    assert read_all(write("text\tlabel\none;two\tx\n"))[0] == {1: ("one;two", "x")}


def test_all_missing_columns_are_named_at_once(write: Write) -> None:
    message = refusal(write("a,b\n1,2\n"))
    assert "'text'" in message
    assert "'label'" in message


def test_a_row_longer_than_a_block(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_reader, "CSV_BLOCK", 2**20)
    assert "a row of more than 1 MB" in refusal(write("text,label\na,b\n" + "x" * 4 * 2**20 + ",b\n"))


def test_odd_quotation_marks_inside_fields_are_text(write: Write) -> None:
    rows, bad = read_all(write('text,label\na 5" pipe,x\n"two\nlines",y\n'))
    assert (rows[1], rows[2], bad) == (('a 5" pipe', "x"), ("two\nlines", "y"), [])


def test_unknown_suffix(write: Write) -> None:
    assert ".csv" in refusal(write("x", "data.xlsx"))


def test_jsonl(write: Write) -> None:
    lines = [
        json.dumps({"text": "a", "label": 1}),
        "",
        "{bad",
        "[1]",
        json.dumps({"text": ["a"], "label": "x"}),
        "[" * 100_000,
        json.dumps({"text": None, "label": True}),
        json.dumps({"text": "b", "label": 1.0}),
    ]
    rows, bad = read_all(write("\ufeff" + "\n".join(lines), "data.jsonl"))
    assert rows == {1: ("a", "1"), 6: (None, "true"), 7: ("b", "1")}
    assert [row.number for row in bad] == [2, 3, 4, 5]
    assert bad[2].reason == "'text' holds a list, not one value"


def test_jsonl_without_the_key(write: Write) -> None:
    assert "did you mean 'texts'?" in refusal(write('{"texts": "a", "label": "x"}\n', "data.jsonl"))


def test_parquet(tmp_path: Path) -> None:
    path = tmp_path / "data.parquet"
    labels = pa.array([1.0, 0.0, None]).cast(pa.float64())
    pq.write_table(pa.table({"text": pa.array(["a", None, "c"]).dictionary_encode(), "label": labels}), path)
    assert read_all(path) == ({1: ("a", "1"), 2: (None, "0"), 3: ("c", None)}, [])


def test_parquet_refused(tmp_path: Path, write: Write) -> None:
    assert "not a Parquet file" in refusal(write(b"PAR1 no", "data.parquet"))
    path = tmp_path / "nested.parquet"
    pq.write_table(pa.table({"text": [["a"], ["b"]], "label": ["x", "y"]}), path)
    assert "column 'text' holds lists" in refusal(path)
