"""The exam of every Instrument: a deterministic design, answers that read back, mistakes told with their rows.

    case = InstrumentCase(plan=MyPlan(...), market=MarketSpec(...))
    check_instrument(MyInstrument(), case, folder=tmp_path, run=run)

raises `AssertionError` with what is wrong.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from marketfit.brief import MarketSpec, SurveyFile
from marketfit.engine import Run
from marketfit.errors import DataError
from marketfit.records.base import Record
from marketfit.records.questionnaire import LANGUAGES, Answer, Cell, Field, Question, Questionnaire
from marketfit.research.files import Table
from marketfit.research.instruments import Instrument
from marketfit.research.respondents import NamedAnswers, Standing

PlanT = TypeVar("PlanT", bound=Record)


@dataclass(frozen=True)
class InstrumentCase(Generic[PlanT]):
    """A plan that the instrument can design, and the market section under which its answers are read.

    optional: columns of its questionnaires that a file may lack.
    """

    plan: PlanT
    market: MarketSpec
    optional: tuple[str, ...] = ()


def check_instrument(
    instrument: Instrument[PlanT, object, Record], case: InstrumentCase[PlanT], *, folder: Path, run: Run
) -> None:
    """Run the whole exam. `folder` is for the files it writes, `run` for what the estimate stores."""
    check_design(instrument, case)
    check_languages(instrument, case)
    check_reading(instrument, case, folder=folder, run=run)
    check_mistakes(instrument, case, folder=folder)


def check_design(instrument: Instrument[PlanT, object, Record], case: InstrumentCase[PlanT]) -> None:
    """The same plan and seed give the same questionnaire, which is a record with questions and columns."""
    first, again = instrument.design(case.plan, seed=1), instrument.design(case.plan, seed=1)
    _demand(first == again, "design() gave two questionnaires for one seed")
    _demand(Questionnaire.model_validate_json(first.model_dump_json()) == first, "the questionnaire is lost in JSON")
    _demand(bool(first.questions) and bool(first.columns), "the questionnaire has no questions or no columns")
    empty = first.table(())
    _demand(tuple(empty.column_names) == first.columns and not empty.num_rows, "without answers the table is not empty")


def check_languages(instrument: Instrument[PlanT, object, Record], case: InstrumentCase[PlanT]) -> None:
    """A language changes what people read and nothing of what is kept, so that no reader need know it."""
    plain = instrument.design(case.plan, seed=1)
    for language in LANGUAGES:
        made = instrument.design(case.plan, seed=1, language=language)
        again = instrument.design(case.plan, seed=1, language=language)
        _demand(made == again, f"design() gave two questionnaires for one seed in '{language}'")
        _demand(
            _without_texts(made) == _without_texts(plain), f"in '{language}' other answers are kept than in English"
        )
        answers = [simulated_answers(one, seed=2) for one in (made, plain)]
        _demand(answers[0].equals(answers[1]), f"the same answers make another file in '{language}'")


def check_reading(
    instrument: Instrument[PlanT, object, Record], case: InstrumentCase[PlanT], *, folder: Path, run: Run
) -> None:
    """Answers to its own questionnaire are read from every kind of file, and estimated as a record, twice alike."""
    table = simulated_answers(instrument.design(case.plan, seed=1), seed=2)
    found = []
    for path in _written(table, folder):
        finding = instrument.estimate(instrument.read(SurveyFile(source=path), case.market), case.market, run=run)
        _demand(isinstance(finding, Record), "estimate() gave no record")
        back = type(finding).model_validate_json(finding.model_dump_json())
        _demand(back == finding, f"the estimate is lost in JSON ({type(finding).__name__})")
        found.append(finding)
    _demand(all(finding == found[0] for finding in found), "the same answers in another kind of file, another estimate")
    path = _written(table, folder)[0]
    check_counting(instrument, instrument.read(SurveyFile(source=path), case.market), case, run=run)


def check_counting(
    instrument: Instrument[PlanT, object, Record], answers: object, case: InstrumentCase[PlanT], *, run: Run
) -> None:
    """Answers that know who gave them (`who`) can leave people out (`counted`): nobody changes nothing, one is gone."""
    if not isinstance(answers, NamedAnswers):
        return
    everybody = Standing(np.ones(answers.who.count, dtype=np.bool_), answers.who.weights)
    before = instrument.estimate(answers, case.market, run=run)
    after = instrument.estimate(answers.counted(everybody), case.market, run=run)
    _demand(before == after, "leaving nobody out changes the estimate")
    fewer = np.arange(answers.who.count) > 0
    names = answers.counted(Standing(fewer, answers.who.weights, ("one is out",))).who.names.to_pylist()
    _demand(names == answers.who.names.to_pylist()[1:], "counted() keeps other people than those who count")


def check_mistakes(instrument: Instrument[PlanT, object, Record], case: InstrumentCase[PlanT], *, folder: Path) -> None:
    """Every mistake is a DataError that names the file and the row or the column; several are told together."""
    table = simulated_answers(instrument.design(case.plan, seed=1), seed=2)
    for name in case.optional:
        path = folder / "optional.csv"
        pa_csv.write_csv(table.drop_columns([name]), path)
        instrument.read(SurveyFile(source=path), case.market)
    for name in [name for name in table.column_names if name not in case.optional]:
        text = _refusal(instrument, case, table.drop_columns([name]), folder / "lacking.csv")
        _demand(f"'{name}'" in text, f"a file without the column '{name}' is refused in other words: {text}")
    key = table.column_names[0]
    cells = [None if row in (1, 2) else cell for row, cell in enumerate(table.column(key).to_pylist())]
    emptied = table.set_column(0, key, pa.array(cells))
    text = _refusal(instrument, case, emptied, folder / "emptied.csv")
    _demand("2, 3" in text and "emptied.csv" in text, f"empty cells of '{key}' in rows 2 and 3 are not named: {text}")
    torn = folder / "torn.csv"
    pa_csv.write_csv(table, torn)
    lines = torn.read_text("utf-8").splitlines()
    lines[2] += ",surplus"
    torn.write_text("\n".join(lines) + "\n", "utf-8")
    text = _read_refusal(instrument, torn, case.market)
    _demand("row 2" in text, f"a row with a cell too many is not named: {text}")
    none = folder / "none.csv"
    none.write_bytes(b"")
    _demand("empty" in _read_refusal(instrument, none, case.market), "an empty file is not called empty")


def simulated_answers(questionnaire: Questionnaire, *, seed: int, forms: int = 4) -> Table:
    """The survey file of people who answer at random; a form for anyone is filled in `forms` times."""
    rng = np.random.default_rng(seed)
    answers = []
    for place, question in enumerate(questionnaire.questions):
        if question.options:
            picked = question.options[int(rng.integers(len(question.options)))].name
            answers.append(Answer(question=place, picked=picked))
            continue
        for number in range(1 if question.respondent else forms):
            cells = _cells(question, number, rng)
            answers.append(Answer(question=place, cells=cells, respondent=f"p{number + 1}"))
    return questionnaire.table(answers)


def _without_texts(questionnaire: Questionnaire) -> Questionnaire:
    questions = tuple(
        question.model_copy(
            update={
                "text": "",
                "fields": tuple(field.model_copy(update={"text": "", "labels": {}}) for field in question.fields),
            }
        )
        for question in questionnaire.questions
    )
    return questionnaire.model_copy(update={"title": "", "questions": questions})


def _cells(question: Question, number: int, rng: np.random.Generator) -> dict[str, Cell]:
    """A cell for each field; those that must differ do."""
    cells: dict[str, Cell] = {}
    for field in question.fields:
        taken = [cells[name] for name in question.distinct if name in cells and field.name in question.distinct]
        left = tuple(text for text in field.allowed if text not in taken)
        cells[field.name] = _cell(field.model_copy(update={"allowed": left}), number, rng)
    return cells


def _cell(field: Field, number: int, rng: np.random.Generator) -> Cell:
    if field.kind == "number":
        low, high = 1.0 if field.low is None else field.low, 99.0 if field.high is None else field.high
        return float(rng.integers(int(low), int(high) + 1))
    return field.allowed[int(rng.integers(len(field.allowed)))] if field.allowed else f"{field.name} {number + 1}"


def _written(table: Table, folder: Path) -> tuple[Path, ...]:
    paths = tuple(folder / f"answers.{kind}" for kind in ("csv", "tsv", "jsonl", "parquet"))
    pa_csv.write_csv(table, paths[0])
    pa_csv.write_csv(table, paths[1], pa_csv.WriteOptions(delimiter="\t"))
    import polars as pl

    frame = pl.from_arrow(table)
    _demand(isinstance(frame, pl.DataFrame), "the answers are no table")
    if isinstance(frame, pl.DataFrame):
        frame.write_ndjson(paths[2])
    pq.write_table(table, paths[3])
    return paths


def _refusal(
    instrument: Instrument[PlanT, object, Record], case: InstrumentCase[PlanT], table: Table, path: Path
) -> str:
    pa_csv.write_csv(table, path)
    return _read_refusal(instrument, path, case.market)


def _read_refusal(instrument: Instrument[PlanT, object, Record], path: Path, market: MarketSpec) -> str:
    try:
        instrument.read(SurveyFile(source=path), market)
    except DataError as error:
        _demand(all(p.where and p.found and p.do for p in error.problems), f"a problem lacks a part: {error}")
        return str(error)
    raise AssertionError(f"{path.name}: a file with a mistake was read without complaint")


def _demand(holds: bool, otherwise: str) -> None:
    if not holds:
        raise AssertionError(otherwise)
