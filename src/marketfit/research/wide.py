"""Exports of survey programs with one row for each respondent, turned into our long form of a choice survey.

Two kinds are read. *Shown in the row*, as Qualtrics exports a conjoint with embedded data (Strezhnev et al. 2014,
"Conjoint Survey Design Tool"): a column for each level that was shown. *Shown in a design file*, as Sawtooth exports a
choice-based conjoint: the row names a version of the design, and the design file has its tasks.

Everything is checked here, where the rows of the file are known: no row of the long form has a number that anybody
could look up. What only follows from another mistake is not told.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from marketfit.brief import MarketSpec, SurveyFile, WideSpec
from marketfit.brief.columns import header_of
from marketfit.demand.arrays import BoolArray, IntArray
from marketfit.demand.choices.table import DEFAULT_NONE
from marketfit.errors import Problem, nearest
from marketfit.research.files import Column, RawFile, Table, missing_column, name_rows, read_raw
from marketfit.research.wide_file import WideFile, equals, whole
from marketfit.research.wide_names import NumberedColumns
from marketfit.research.wide_shown import ShownInDesign, ShownInRows, ShownTask, is_shown

RESPONDENT = "respondent"

_NONE, _WRONG = 0, -1  # what an answer means, beside the number of an alternative


def read_wide(
    file: SurveyFile, wide: WideSpec, market: MarketSpec, problems: list[Problem]
) -> tuple[RawFile, tuple[str, ...]] | None:
    """The long form of an export, and notes on what was left out; None, with problems, when anything is wrong.

    Tasks without an answer are left out and counted. Problems name rows of the export and of the design file.
    """
    before = len(problems)
    opened = _open(file, wide, market, problems)
    if opened is None:
        return None
    export, picked, who = opened
    answered = np.logical_or.reduce([export.filled(column) for column in picked.values()])
    _check_respondents(export, who, answered, problems)
    shown = (
        ShownInDesign.of(export, file, wide, market, answered=answered, problems=problems)
        if wide.design
        else ShownInRows.of(export, wide, market, problems)
    )
    if shown is None:
        return None
    long = _LongForm(export, who, tuple(market.attributes), wide)
    for task, column in picked.items():
        found = shown.task(task, export.filled(column), problems)
        long.add(task, found, _meant(export, column, task, found, wide, problems))
    if not answered.any():
        do = "is it the right file, and wide.picked the right name?"
        problems.append(Problem(str(file.source), "no task has an answer", "answers", do))
    if len(problems) > before:
        return None
    left_out = sum(export.columns[column].null_count for column in picked.values())
    notes = (f"{file.source.name}: {left_out} tasks without an answer are left out.",) if left_out else ()
    return long.file(), notes


def _open(
    file: SurveyFile, wide: WideSpec, market: MarketSpec, problems: list[Problem]
) -> tuple[WideFile, dict[int, str], str] | None:
    """The export, the column with the answers to each task, and the column that says who answered."""
    for name in wide.codes:
        if name not in market.attributes:
            where, do = f"market.choices.wide.codes.{name}", "rename it, or add it to market.attributes"
            problems.append(Problem(where, "no such attribute", nearest(name, market.attributes), do))
    header = _header(file.source, problems)
    if header is None:
        return None
    answers = NumberedColumns.of(wide.picked, header, path=file.source, problems=problems)
    picked = {task: answers.column(task=task) for task in answers.numbers("task")}
    if not picked:
        found, do = f"no column has a name like '{wide.picked}'", "correct wide.picked"
        problems.append(Problem(str(file.source), found, nearest(wide.picked, header), do))
        return None
    who = file.columns.get(RESPONDENT, RESPONDENT)
    needed = {who: "correct columns.respondent"} | ({wide.version: "correct wide.version"} if wide.design else {})
    wanted = [*needed, *picked.values()]
    wanted += [name for name in header if is_shown(wide, name)]
    raw = read_raw(SurveyFile(source=file.source), wanted, problems)
    if raw is None:
        return None
    lacking = [missing_column(file.source, name, header, do) for name, do in needed.items() if name not in header]
    problems.extend(lacking)
    return None if lacking else (WideFile.of(raw, skip_rows=wide.skip_rows), picked, who)


def _header(path: Path, problems: list[Problem]) -> tuple[str, ...] | None:
    """The names of the columns; None, with what is wrong with the file, where it can't be read."""
    header, before = header_of(path, most=None), len(problems)
    if header is None:
        read_raw(SurveyFile(source=path), (), problems)
    return None if len(problems) > before else header.names if header else ()


def _check_respondents(export: WideFile, who: str, answered: BoolArray, problems: list[Problem]) -> None:
    """Whoever has an answer has a name, and no name has two rows of answers."""
    nameless = answered & ~export.filled(who)
    if nameless.any():
        where = export.where(who, nameless)
        problems.append(Problem(where, "the respondent is missing", "every row names its own", "fill or drop the rows"))
    rows = np.flatnonzero(answered & export.filled(who))
    codes = export.columns[who].take(pa.array(rows)).dictionary_encode().indices.to_numpy(zero_copy_only=False)
    first = np.unique(codes, return_index=True)[1]
    again = np.zeros(answered.size, dtype=np.bool_)
    again[np.delete(rows, first)] = True
    if again.any():
        found, do = "the respondent has a row with answers already", "keep one of the rows"
        problems.append(Problem(export.where(who, again), found, "one row each", do))


def _meant(
    export: WideFile, column: str, task: int, shown: ShownTask, wide: WideSpec, problems: list[Problem]
) -> IntArray:
    """(rows,) the number of the alternative that the answer means, or that it means none or nothing."""
    offered = sum((alternative.there.astype(np.int64) for alternative in shown.alternatives), np.zeros(1, np.int64))
    few = shown.known & (offered + bool(wide.none) < 2)
    if few.any():
        where = f"{export.path}: task {task}, {name_rows(export.numbers[few].tolist())}"
        do = "add what else was shown (wide.none: answers that mean taking nothing), or drop the answers"
        problems.append(Problem(where, "shows fewer than two alternatives", "at least two: one alone is no choice", do))
    encoded = pc.dictionary_encode(export.columns[column])
    texts = zip(encoded.dictionary.to_pylist(), whole(encoded.dictionary).to_pylist(), strict=True)
    meaning = np.array([*(_number(text, number, wide) for text, number in texts), _WRONG], dtype=np.int64)
    meant = meaning[encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)]
    right = meant == _NONE
    for alternative in shown.alternatives:
        right |= alternative.there & (meant == alternative.number)
    wrong = shown.known & ~right & ~few
    for text in pc.unique(export.columns[column].filter(pa.array(wrong))).to_pylist():
        where = export.where(column, wrong & equals(export.columns[column], text))
        allowed = "the number of an alternative that was shown, one of wide.answers, or one of wide.none"
        problems.append(Problem(where, f"picks '{text}'", allowed, "correct the cells or the layout"))
    return np.where(right & shown.known, meant, _WRONG)


def _number(picked: str, number: str, wide: WideSpec) -> int:
    """The number of the alternative that an answer names, from 1; 0 for none, −1 where it names nothing.

    number: the answer, where it is one, without a fraction of 0.
    """
    for text in (picked, number):
        if text in wide.none:
            return _NONE
        if text in wide.answers:
            return wide.answers.index(text) + 1
    return int(number) if number.isdecimal() and int(number) > 0 else _WRONG


class _LongForm:
    """The long form as it grows: a block of rows for each alternative of each task."""

    def __init__(self, export: WideFile, who: str, attributes: Sequence[str], wide: WideSpec) -> None:
        self._export, self._who = export, export.columns[who]
        self._attributes, self._none = attributes, bool(wide.none)
        self._blocks: list[Table] = []
        self._rows: list[IntArray] = []

    def add(self, task: int, shown: ShownTask, meant: IntArray) -> None:
        """The alternatives of one task, for everybody whose answer means something."""
        for alternative in shown.alternatives:
            rows = np.flatnonzero(alternative.there & (meant != _WRONG))
            self._add(rows, task, str(alternative.number), meant[rows] == alternative.number, alternative.levels)
        if self._none:
            rows = np.flatnonzero(meant != _WRONG)
            self._add(rows, task, DEFAULT_NONE, meant[rows] == _NONE, {})

    def _add(self, rows: IntArray, task: int, name: str, chosen: BoolArray, levels: Mapping[str, Column]) -> None:
        wanted, text = pa.array(rows), pa.large_string()
        nothing = pa.nulls(rows.size, type=text)
        columns = {
            RESPONDENT: self._who.take(wanted),
            "task": pa.repeat(pa.scalar(str(task), type=text), rows.size),
            "alternative": pa.repeat(pa.scalar(name, type=text), rows.size),
            "chosen": pa.array(chosen.astype(np.int8)),
        }
        columns |= {one: levels[one].take(wanted) if one in levels else nothing for one in self._attributes}
        self._blocks.append(pa.table(columns))
        self._rows.append(self._export.numbers[rows])

    def file(self) -> RawFile:
        """All of it, with the row of the export that each row comes from."""
        return RawFile(self._export.path, pa.concat_tables(self._blocks), (), rows=np.concatenate(self._rows))
