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
    unknown, wrong = error.value.problems
    assert unknown.where == f"{file.source}: column 'Version', row 4"
    assert unknown.found == "version '99' is not in design.csv"
    assert wrong.where == f"{file.source}: column 'CBC_Random1', row 2"
    assert wrong.found == "picks '7'"


def test_a_layout_that_says_too_little_is_refused() -> None:
    with pytest.raises(ValueError, match="in the rows or in a design file"):
        SurveyFile.model_validate({"source": __file__, "wide": {"picked": "Q{task}"}})
    with pytest.raises(ValueError, match=r"\{alternative\}"):
        SurveyFile.model_validate({"source": __file__, "wide": {"picked": "Q{task}", "shown": "F-{task}"}})
    for picked in ("Q{task}-{alternative}", "Q{task}{x}", "Q{task}{task}"):
        with pytest.raises(ValueError, match=r"a name with \{task\}, each once"):
            SurveyFile.model_validate({"source": __file__, "wide": {"picked": picked, "design": __file__}})


HEADER = "id,Q1,Q2,F-1-1,F-1-2,F-1-1-1,F-1-1-2,F-1-2-1,F-1-2-2,F-2-1,F-2-2,F-2-1-1,F-2-1-2,F-2-2-1,F-2-2-2"
WIDE = {
    "picked": "Q{task}",
    "shown": "F-{task}-{alternative}-{attribute}",
    "names": "F-{task}-{attribute}",
    "none": ["Neither"],
    "skip_rows": 2,
}
Change = dict[tuple[int, str], str]
"""Row of the file (3 is the first with answers) and column → what stands there instead."""


def exported(folder: Path, change: Change | None = None, *, header: str = HEADER, people: int = 3) -> Path:
    """An export with two rows below the header that hold no answers; attributes change places in the second task."""
    names, rows = HEADER.split(","), []
    for number in range(people):
        cells = f"r{number},1,2,privacy,price,cloud,1,on-device,3,price,privacy,2,cloud,4,on-device".split(",")
        row = dict(zip(names, cells, strict=True)) | {
            column: text for (at, column), text in (change or {}).items() if at == number + 3
        }
        rows.append(",".join(row[name] for name in header.split(",")))
    path = folder / "export.csv"
    filler = ",".join("x" for _ in header.split(","))
    path.write_text("\n".join([header, filler, filler, *rows]) + "\n", "utf-8")
    return path


def read(path: Path, **wide: object) -> ChoiceData:
    file = {"source": path, "columns": {"respondent": "id"}, "wide": WIDE | wide}
    return Choice().read(SurveyFile.model_validate(file), MARKET).data


def mistakes(path: Path, **wide: object) -> list[tuple[str, str]]:
    """Where and what, of every mistake."""
    with pytest.raises(DataError) as error:
        read(path, **wide)
    return [(problem.where.replace(f"{path.parent}/", ""), problem.found) for problem in error.value.problems]


@pytest.mark.parametrize(
    ("change", "where", "found"),
    [
        ({(4, "id"): ""}, "column 'id', row 4", "the respondent is missing"),
        ({(5, "id"): "r0"}, "column 'id', row 5", "the respondent has a row with answers already"),
        ({(5, "F-1-2-2"): ""}, "column 'F-1-2-2', row 5", "no level of 'price'"),
        ({(4, "F-2-1-1"): "cheap"}, "column 'F-2-1-1', row 4", "'cheap' is no number"),
        ({(4, "F-2-1-1"): "1e999"}, "column 'F-2-1-1', row 4", "is infinite"),
        ({(4, "F-1-1"): "privcy"}, "column 'F-1-1', row 4", "no attribute is called 'privcy'"),
        ({(5, "Q2"): "7"}, "column 'Q2', row 5", "picks '7'"),
    ],
)
def test_one_mistake_is_one_error_with_its_row_and_column(
    tmp_path: Path, change: Change, where: str, found: str
) -> None:
    assert (f"export.csv: {where}", found) in (told := mistakes(exported(tmp_path, change)))
    # An attribute of an unknown name is missed under its right one too, which says what the other lacks.
    assert told[1:] == ([("export.csv: task 1, row 4", "nothing is shown of 'privacy'")] if "privcy" in found else [])


def test_all_mistakes_of_an_export_are_told_at_once(tmp_path: Path) -> None:
    path = exported(tmp_path, {(3, "id"): "", (4, "Q1"): "maybe", (5, "F-1-1-2"): "dear"})
    assert [found for _, found in mistakes(path)] == [
        "the respondent is missing",
        "'dear' is no number",
        "picks 'maybe'",
    ]


def test_a_column_that_the_export_lacks(tmp_path: Path) -> None:
    path = exported(tmp_path, header=HEADER.replace(",F-1-2-2", ""))
    assert mistakes(path) == [("export.csv", "has no column 'F-1-2-2'")]


def test_an_alternative_that_a_person_was_not_shown_keeps_its_number(tmp_path: Path) -> None:
    """Who was not shown alternative 1 and picked 2 has not picked an alternative 1."""
    path = exported(tmp_path, {(4, "F-1-1-1"): "", (4, "F-1-1-2"): "", (4, "Q1"): "2"})
    data = read(path)
    task = data.starts[2]
    assert [data.alternatives[code] for code in data.alternative[task : task + 2]] == ["2", "none"]
    assert data.chosen[2] == task
    assert mistakes(exported(tmp_path, {(4, "F-1-1-1"): "", (4, "F-1-1-2"): ""})) == [
        ("export.csv: column 'Q1', row 4", "picks '1'")
    ]


def test_one_alternative_alone_is_no_choice(tmp_path: Path) -> None:
    path = exported(tmp_path, {(4, "F-1-1-1"): "", (4, "F-1-1-2"): "", (4, "Q1"): "2"})
    assert mistakes(path, none=[]) == [("export.csv: task 1, row 4", "shows fewer than two alternatives")]


def test_an_export_without_answers(tmp_path: Path) -> None:
    path = exported(tmp_path, {(row, task): "" for row in (3, 4, 5) for task in ("Q1", "Q2")})
    assert mistakes(path) == [("export.csv", "no task has an answer")]


def test_codes_in_the_rows(tmp_path: Path) -> None:
    codes = {"privacy": {"cloud": "cloud", "on-device": "on-device"}, "price": {"1": 10, "2": 20, "3": 30, "4": 40}}
    data = read(exported(tmp_path), codes=codes)
    assert set(data.attributes[1].values[~data.is_none]) == {10.0, 20.0, 30.0, 40.0}
    del codes["price"]["3"]
    where = ("export.csv: column 'F-1-2-2', rows 3, 4, 5", "price has the code '3'")
    assert mistakes(exported(tmp_path), codes=codes) == [where]
    told = mistakes(exported(tmp_path), codes={"pricing": {"1": 1}})
    assert told == [("market.choices.wide.codes.pricing", "no such attribute")]


def test_a_code_that_is_none_of_the_codes_is_no_level(
    tmp_path: Path, survey: tuple[Shown, dict[tuple[int, int], int]]
) -> None:
    """A 9 where the codes know 1 and 2 is no price of 9, and its row is that of the design file."""
    file = sawtooth(tmp_path, *survey)
    assert file.wide is not None
    codes = {"privacy": {"1": "cloud", "2": "on-device"}, "price": {str(price): price for price in range(1, 6)}}
    coded = file.model_copy(update={"wide": file.wide.model_copy(update={"codes": codes})})
    same(Choice().read(coded, MARKET).data, long_form(tmp_path, *survey))
    design = tmp_path / "design.csv"
    lines = design.read_text("utf-8").splitlines()
    lines[4] = ",".join([*lines[4].split(",")[:-1], "9"])
    design.write_text("\n".join(lines) + "\n", "utf-8")
    with pytest.raises(DataError) as error:
        Choice().read(coded, MARKET)
    (problem,) = error.value.problems
    assert problem.where == f"{design}: column 'Att 2 - price', row 4"
    assert problem.found == "price has the code '9'"
    assert problem.allowed == "of market.choices.wide.codes.price: 1, 2, 3, 4, 5"


def test_mistakes_in_a_design_file(tmp_path: Path, survey: tuple[Shown, dict[tuple[int, int], int]]) -> None:
    file = sawtooth(tmp_path, *survey)
    design = tmp_path / "design.csv"
    lines = design.read_text("utf-8").splitlines()
    lines[2] = lines[1]  # version 1, task 1, alternative 1 again
    lines[3] = "one" + lines[3][1:]
    lines = [line for line in lines if not line.startswith("2,3,")]  # version 2 has no task 3
    design.write_text("\n".join(lines) + "\n", "utf-8")
    table = pl.read_csv(file.source)
    table.with_columns(CBC_Random3=pl.lit(1), Version=pl.col("Version").replace(1, 2)).write_csv(file.source)
    with pytest.raises(DataError) as error:
        Choice().read(file, MARKET)
    assert [(problem.where.replace(f"{tmp_path}/", ""), problem.found) for problem in error.value.problems] == [
        ("design.csv: row 2", "the version has this alternative of the task already"),
        ("sawtooth.csv: column 'Version', rows 1, 2", "version '2' has no task 3 in design.csv"),
    ]


def test_whole_numbers_may_have_a_fraction_of_zero(tmp_path: Path) -> None:
    """As a column with empty cells is often written: answers, versions, codes and numbers of tasks."""
    (tmp_path / "d.csv").write_text("v,task,alternative,privacy,price\n1.0,1.0,1.0,1.0,2\n1.0,1.0,2.0,2.0,4\n", "utf-8")
    path = tmp_path / "export.csv"
    path.write_text("id,v,Q1\na,1.0,2.0\nb,1,3.0\nc,,\n", "utf-8")
    wide = {"picked": "Q{task}", "design": tmp_path / "d.csv", "version": "v", "none": ["3"],
            "codes": {"privacy": {"1": "cloud", "2": "on-device"}}}  # fmt: skip
    file = SurveyFile.model_validate({"source": path, "columns": {"respondent": "id"}, "wide": wide})
    data = Choice().read(file, MARKET).data
    assert data.tasks == 2
    assert [data.alternatives[code] for code in data.alternative[data.chosen]] == ["2", "none"]


def test_a_design_file_may_call_the_version_otherwise(
    tmp_path: Path, survey: tuple[Shown, dict[tuple[int, int], int]]
) -> None:
    """As Lighthouse Studio does: `Version` in the design, `sys_CBCVersion_CBC` in the answers."""
    file = sawtooth(tmp_path, *survey)
    pl.read_csv(file.source).rename({"Version": "sys_CBCVersion_CBC"}).write_csv(file.source)
    assert file.wide is not None
    wide = file.wide.model_copy(update={"version": "sys_CBCVersion_CBC"})
    named = file.model_copy(update={"wide": wide, "columns": {**file.columns, "version": "Version"}})
    same(Choice().read(named, MARKET).data, long_form(tmp_path, *survey))
    with pytest.raises(DataError) as error:
        Choice().read(file.model_copy(update={"wide": wide}), MARKET)
    (problem,) = error.value.problems
    assert problem.found == "has no column 'sys_CBCVersion_CBC'"
    assert problem.do == "add the column, or map it: `columns: {version: NAME}`"
    absent = file.model_copy(update={"columns": {**file.columns, "respondent": "who"}})
    with pytest.raises(DataError) as error:
        Choice().read(absent, MARKET)
    assert [(problem.found, problem.do) for problem in error.value.problems] == [
        ("has no column 'who'", "add the column, or correct columns.respondent"),
        ("has no column 'Version'", "add the column, or correct wide.version"),
    ]


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ("id,Q1,Stra\u00dfe\n".encode("latin-1"), "its header is not UTF-8 text"),
        ("id,Q1\na,1\n".encode("utf-16"), "is UTF-16 text"),
        (b"", "is empty"),
    ],
)
def test_an_export_that_cannot_be_read_says_why(tmp_path: Path, content: bytes, found: str) -> None:
    path = tmp_path / "export.csv"
    path.write_bytes(content)
    ((where, told),) = mistakes(path)
    assert (where, told.startswith(found)) == ("export.csv", True)


def test_semicolons_with_decimal_commas_in_export_and_design(
    tmp_path: Path, survey: tuple[Shown, dict[tuple[int, int], int]]
) -> None:
    shown, picked = survey
    shown = {place: (privacy, price + 0.5) for place, (privacy, price) in shown.items()}
    file = sawtooth(tmp_path, shown, picked)
    for path in (file.source, tmp_path / "design.csv"):
        path.write_text(path.read_text("utf-8").replace(",", ";").replace(".", ","), "utf-8")
    same(Choice().read(file, MARKET).data, long_form(tmp_path, shown, picked))


PADDED = "id,Q01,Q02,F-1-01,F-1-02,F-001-1-01,F-001-1-02,F-001-2-01,F-001-2-02,F-2-1,F-2-2,"
PADDED += "F-2-1-1,F-2-1-2,F-2-2-1,F-2-2-2"


def test_zeros_before_numbers_say_nothing(tmp_path: Path) -> None:
    """Each pattern, even each column, may have zeros of its own."""
    path = exported(tmp_path)
    plain = read(path)
    path.write_text(path.read_text("utf-8").replace(HEADER, PADDED), "utf-8")
    same(read(path), plain)
    path.write_text(path.read_text("utf-8").replace("F-001-2-02", "F-001-2-03"), "utf-8")
    assert mistakes(path) == [("export.csv", "has no column 'F-1-2-2'")]


def test_padded_tasks_of_a_design_file(tmp_path: Path, survey: tuple[Shown, dict[tuple[int, int], int]]) -> None:
    file = sawtooth(tmp_path, *survey)
    pl.read_csv(file.source).rename(lambda name: name.replace("Random", "Random0")).write_csv(file.source)
    same(Choice().read(file, MARKET).data, long_form(tmp_path, *survey))


def test_two_columns_with_one_number_are_refused(tmp_path: Path) -> None:
    path = exported(tmp_path)
    path.write_text(path.read_text("utf-8").replace("F-1-2-2", "F-01-1-1").replace("id,Q1,Q2", "id,Q1,Q01"), "utf-8")
    assert mistakes(path)[:1] == [("export.csv: columns 'Q1' and 'Q01'", "have the same numbers in 'Q{task}'")]
    path = exported(tmp_path)
    path.write_text(path.read_text("utf-8").replace("F-1-2-2", "F-01-1-1"), "utf-8")
    same_numbers = "have the same numbers in 'F-{task}-{alternative}-{attribute}'"
    assert ("export.csv: columns 'F-1-1-1' and 'F-01-1-1'", same_numbers) in mistakes(path)
