"""Wide exports become the same choices as the long form that they were made from."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from marketfit.brief import AttributeSpec, MarketSpec, SurveyFile, load_brief
from marketfit.demand import ChoiceData
from marketfit.errors import DataError
from marketfit.research.instruments.choice import Choice

MARKET = MarketSpec(
    attributes={
        "privacy": AttributeSpec(offer=("on-device",)),
        "price": AttributeSpec(offer=(2.0, 4.0), better="lower"),
    }
)
TASKS, OFFERS, PEOPLE = 3, 2, 5
Shown = dict[tuple[int, int, int], tuple[str, float]]


@pytest.fixture
def survey() -> tuple[Shown, dict[tuple[int, int], int]]:
    """(person, task, offer) → its levels, and (person, task) → the offer picked, from 0; the last is none."""
    rng = np.random.default_rng(0)
    shown = {
        (person, task, offer): (str(rng.choice(["cloud", "on-device"])), float(rng.integers(1, 6)))
        for person in range(PEOPLE)
        for task in range(TASKS)
        for offer in range(OFFERS)
    }
    picked = {(person, task): int(rng.integers(OFFERS + 1)) for person in range(PEOPLE) for task in range(TASKS)}
    return shown, picked


def long_form(folder: Path, shown: Shown, picked: dict[tuple[int, int], int]) -> ChoiceData:
    rows = []
    for (person, task), choice in picked.items():
        for offer in range(OFFERS):
            rows.append((f"p{person}", task + 1, str(offer + 1), int(choice == offer), *shown[person, task, offer]))
        rows.append((f"p{person}", task + 1, "none", int(choice == OFFERS), None, None))
    columns = ["respondent", "task", "alternative", "chosen", "privacy", "price"]
    path = folder / "long.csv"
    pl.DataFrame(rows, schema=columns, orient="row").write_csv(path)
    return Choice().read(SurveyFile(source=path), MARKET).data


def same(one: ChoiceData, other: ChoiceData) -> None:
    assert (one.tasks, one.rows, one.respondents) == (other.tasks, other.rows, other.respondents)
    assert np.array_equal(one.chosen, other.chosen)
    assert np.array_equal(one.is_none, other.is_none)
    for mine, theirs in zip(one.attributes, other.attributes, strict=True):
        assert mine.levels == theirs.levels
        assert np.array_equal(mine.values, theirs.values)


def test_levels_in_the_row(tmp_path: Path, survey: tuple[Shown, dict[tuple[int, int], int]]) -> None:
    """As Qualtrics exports them: two further header rows, attributes whose order moves between respondents."""
    shown, picked = survey
    lines: list[dict[str, str]] = []
    for person in range(PEOPLE):
        line = {"ResponseId": f"p{person}", "Duration (in seconds)": "77"}
        order = (1, 2) if person % 2 else (2, 1)
        for task in range(TASKS):
            line[f"C{task + 1}"] = ["Choice A", "Choice B", "Neither"][picked[person, task]]
            for place, number in enumerate(order):
                line[f"F-{task + 1}-{number}"] = ("privacy", "price")[place]
                for offer in range(OFFERS):
                    line[f"F-{task + 1}-{offer + 1}-{number}"] = str(shown[person, task, offer][place])
        lines.append(line)
    header = {name: f"question text of {name}" for name in lines[0]}
    ids = {name: json.dumps({"ImportId": name}) for name in lines[0]}
    path = tmp_path / "qualtrics.csv"
    pl.DataFrame([header, ids, *lines]).write_csv(path)
    (tmp_path / "d.csv").write_text("text,label\na,x\n", "utf-8")
    brief = tmp_path / "brief.yaml"
    brief.write_text(
        "product: p\ntask: text-classification\ndata: {source: d.csv, input: text, label: label}\n"
        'require: {accuracy: ">= 0.5"}\nmarket:\n  choices:\n    source: qualtrics.csv\n'
        "    columns: {respondent: ResponseId}\n    wide:\n      picked: 'C{task}'\n"
        "      shown: 'F-{task}-{alternative}-{attribute}'\n      names: 'F-{task}-{attribute}'\n"
        "      answers: [Choice A, Choice B]\n      none: [Neither]\n      skip_rows: 2\n"
        "  attributes:\n    privacy: {offer: on-device}\n    price: {offer: [2, 4], better: lower}\n",
        "utf-8",
    )
    market = load_brief(brief).market
    assert market.choices is not None
    same(Choice().read(market.choices, market).data, long_form(tmp_path, shown, picked))


def sawtooth(folder: Path, shown: Shown, picked: dict[tuple[int, int], int]) -> SurveyFile:
    """As Sawtooth exports it: a version of the design in each row, level codes in a design file."""
    design = [
        (person + 1, task + 1, offer + 1, 1 if shown[person, task, offer][0] == "cloud" else 2,
         shown[person, task, offer][1])
        for person, task, offer in shown
    ]  # fmt: skip
    names = ["Version", "Task", "Concept", "Att 1 - privacy", "Att 2 - price"]
    pl.DataFrame(design, schema=names, orient="row").write_csv(folder / "design.csv")
    lines = [
        {"sys_RespNum": f"p{person}", "Version": person + 1}
        | {f"CBC_Random{task + 1}": picked[person, task] + 1 for task in range(TASKS)}
        for person in range(PEOPLE)
    ]
    pl.DataFrame(lines).write_csv(folder / "sawtooth.csv")
    return SurveyFile.model_validate(
        {
            "source": folder / "sawtooth.csv",
            "columns": {
                "respondent": "sys_RespNum",
                "task": "Task",
                "alternative": "Concept",
                "privacy": "Att 1 - privacy",
                "price": "Att 2 - price",
            },
            "wide": {
                "picked": "CBC_Random{task}",
                "design": folder / "design.csv",
                "version": "Version",
                "none": [str(OFFERS + 1)],
                "codes": {"privacy": {"1": "cloud", "2": "on-device"}},
            },
        }
    )


def test_levels_in_a_design_file(tmp_path: Path, survey: tuple[Shown, dict[tuple[int, int], int]]) -> None:
    file = sawtooth(tmp_path, *survey)
    same(Choice().read(file, MARKET).data, long_form(tmp_path, *survey))


def test_unanswered_tasks_are_left_out_and_counted(
    tmp_path: Path, survey: tuple[Shown, dict[tuple[int, int], int]]
) -> None:
    file = sawtooth(tmp_path, *survey)
    table = pl.read_csv(file.source).with_columns(
        CBC_Random2=pl.when(pl.col("Version") == 3).then(None).otherwise(pl.col("CBC_Random2"))
    )
    table.write_csv(file.source)
    answers = Choice().read(file, MARKET)
    assert answers.data.tasks == PEOPLE * TASKS - 1
    assert answers.notes == ("sawtooth.csv: 1 tasks without an answer are left out.",)


def test_mistakes_name_rows_of_the_export(tmp_path: Path, survey: tuple[Shown, dict[tuple[int, int], int]]) -> None:
    file = sawtooth(tmp_path, *survey)
    table = pl.read_csv(file.source).with_columns(
        Version=pl.when(pl.col("sys_RespNum") == "p3").then(99).otherwise(pl.col("Version")),
        CBC_Random1=pl.when(pl.col("sys_RespNum") == "p1").then(7).otherwise(pl.col("CBC_Random1")),
    )
    table.write_csv(file.source)
    with pytest.raises(DataError) as error:
        Choice().read(file, MARKET)
    told = str(error.value)
    assert "column 'CBC_Random1', row 2: picks '7'" in told
    assert "column 'Version', row 4: version '99' has no task 1 in the design" in told


def test_a_layout_that_says_too_little_is_refused() -> None:
    with pytest.raises(ValueError, match="in the rows or in a design file"):
        SurveyFile.model_validate({"source": __file__, "wide": {"picked": "Q{task}"}})
    with pytest.raises(ValueError, match=r"\{alternative\}"):
        SurveyFile.model_validate({"source": __file__, "wide": {"picked": "Q{task}", "shown": "F-{task}"}})
