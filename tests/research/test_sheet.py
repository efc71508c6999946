from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from marketfit.brief import SurveyFile
from marketfit.errors import DataError
from marketfit.research.sheet import Sheet

Survey = Callable[[str], SurveyFile]


def told(sheet: Sheet) -> str:
    with pytest.raises(DataError) as error:
        sheet.check()
    return str(error.value)


def test_columns_read_as_codes_numbers_and_words(survey: Survey) -> None:
    sheet = Sheet.of(survey("who,score,word\nb, 2,Yes\na,3.0,no\nb,,NO\n"), needs=("who", "score", "word"))
    names = sheet.names("who")
    assert (names.codes.tolist(), names.labels) == ([1, 0, 1], ("a", "b"))
    assert np.array_equal(sheet.numbers("score", low=0, high=5, required=False), [2.0, 3.0, np.nan], equal_nan=True)
    assert sheet.choices("word", ("yes", "no"), ("1", "2")).tolist() == [0, 1, 1]
    sheet.check()


def test_every_mistake_is_told_at_once_with_its_rows(survey: Survey) -> None:
    sheet = Sheet.of(
        survey("who,score,word,weight\n,x,maybe,1\na,7,yes,0\na,2.5,yes,3\na,0,,2\n"),
        needs=("who", "score", "word", "more"),
    )
    person = sheet.names("who")
    sheet.numbers("score", low=1, high=5, whole=True)
    sheet.choices("word", ("yes", "no"))
    sheet.numbers("more", low=0)
    sheet.once(person, found="answers twice")
    sheet.weights(person)
    text = told(sheet)
    for part in (
        "has no column 'more'",
        "column 'who', row 1: is empty",
        "column 'score', row 1: 'x' is no number",
        "column 'score', rows 2, 3, 4: is 7; whole numbers from 1 to 5",
        "column 'word', row 4: is empty",
        "column 'word', row 1: is 'maybe'",
        "rows 2, 3, 4: answers twice",
        "column 'weight', row 2: is 0",
        "column 'weight', rows 3, 4: differs from the weight",
    ):
        assert part in text, text


def test_weights_are_one_a_respondent(survey: Survey) -> None:
    sheet = Sheet.of(survey("who,weight\na,2\nb,0.5\na,2\n"), needs=("who",))
    assert sheet.weights(sheet.names("who")).tolist() == [2.0, 0.5]
    sheet.check()
    plain = Sheet.of(survey("who\na\nb\n"), needs=("who",))
    assert plain.weights(plain.names("who")).tolist() == [1.0, 1.0]


def test_a_number_of_the_whole_file_must_be_the_same_everywhere(survey: Survey) -> None:
    sheet = Sheet.of(survey("scale\n5\n5\n7\n"), needs=("scale",))
    assert sheet.constant("scale", low=2, high=10) == 5.0
    assert "column 'scale', row 3: is not 5 as above" in told(sheet)


def test_too_many_names_are_a_wrong_column(survey: Survey) -> None:
    sheet = Sheet.of(survey("feature\n" + "\n".join(f"f{n}" for n in range(9)) + "\n"), needs=("feature",))
    sheet.names("feature", most=8)
    assert "names 9 different ones; at most 8" in told(sheet)


def test_the_file_may_call_columns_otherwise(survey: Survey) -> None:
    file = survey("Q1,extra\na,1\n").model_copy(update={"columns": {"who": "Q1"}})
    sheet = Sheet.of(file, needs=("who",))
    assert sheet.names("who").labels == ("a",)
    assert sheet.notes() == ("answers.csv: columns that were not used: 'extra'.",)


def test_a_million_rows_take_seconds(tmp_path: Path) -> None:
    rows = 1_000_000
    who = pa.array([f"p{n // 4}" for n in range(rows)])
    pq.write_table(
        pa.table({"who": who, "item": np.arange(rows) % 4, "score": np.ones(rows)}), tmp_path / "big.parquet"
    )
    sheet = Sheet.of(SurveyFile(source=tmp_path / "big.parquet"), needs=("who", "item", "score"))
    person, item = sheet.names("who"), sheet.names("item")
    sheet.numbers("score", low=0, high=5, whole=True)
    sheet.once(person, item, found="answers twice")
    sheet.check()
    assert (person.count, item.labels) == (rows // 4, ("0", "1", "2", "3"))


def test_text_in_a_column_of_numbers_hides_no_zero(survey: Survey) -> None:
    sheet = Sheet.of(survey("who,score,weight\na,bad,heavy\nb,0,0\nc,4,1\n"), needs=("who", "score"))
    sheet.numbers("score", low=1, high=5)
    sheet.weights(sheet.names("who"))
    text = told(sheet)
    for part in (
        "column 'score', row 1: 'bad' is no number",
        "column 'score', row 2: is 0; numbers from 1 to 5",
        "column 'weight', row 1: 'heavy' is no number",
        "column 'weight', row 2: is 0",
    ):
        assert part in text, text
    assert text.startswith("4 problems")
