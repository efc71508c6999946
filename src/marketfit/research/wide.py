"""Exports of survey programs with one row for each respondent, turned into our long form of a choice survey.

Two kinds are read. *Shown in the row*, as Qualtrics exports a conjoint with embedded data (Strezhnev et al. 2014,
"Conjoint Survey Design Tool"): a column for each level that was shown. *Shown in a design file*, as Sawtooth exports a
choice-based conjoint: the row names a version of the design, and the design file has its tasks.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from marketfit.brief import MarketSpec, SurveyFile, WideSpec
from marketfit.brief.columns import columns_of
from marketfit.demand.choices.table import DEFAULT_NONE
from marketfit.errors import Problem, nearest
from marketfit.research.files import RawFile, as_text, name_rows, read_raw

Texts = NDArray[np.object_]  # (respondents,) trimmed text, None where empty

RESPONDENT = "respondent"


@dataclass
class _Long:
    """The long form as it grows. `rows` are rows of the export, from 1 below the rows that are skipped."""

    cells: dict[str, list[str | None]]
    rows: list[int] = field(default_factory=list)
    unanswered: Counter[str] = field(default_factory=Counter)


def read_wide(
    file: SurveyFile, wide: WideSpec, market: MarketSpec, problems: list[Problem]
) -> tuple[RawFile, tuple[str, ...]] | None:
    """The long form of an export, and notes on what was left out; None, with problems, when it can't be made.

    Tasks without an answer are left out and counted. Problems name rows of the export.
    """
    header = columns_of(file.source) or ()
    tasks = _numbers(wide.picked, header, "task")
    if not tasks:
        found, do = f"no column has a name like '{wide.picked}'", "correct wide.picked"
        problems.append(Problem(str(file.source), found, nearest(wide.picked, header), do))
        return None
    who = file.columns.get(RESPONDENT, RESPONDENT)
    wanted = [who, *([wide.version] if wide.design else []), *(wide.picked.format(task=task) for task in tasks)]
    wanted += [name for name in header if _is_shown(wide, name)]
    raw = read_raw(SurveyFile(source=file.source), wanted, problems)
    if raw is None:
        return None
    lacking = raw.missing([name for name in wanted[:2] if name != wide.picked])
    problems.extend(lacking)
    if lacking:
        return None
    table = raw.table.slice(wide.skip_rows)
    columns: dict[str, Texts] = {
        name: as_text(table.column(name)).to_numpy(zero_copy_only=False) for name in table.column_names
    }
    made = _Long({name: [] for name in (RESPONDENT, "task", "alternative", "chosen", *market.attributes)})
    shown = (
        _Design.read(file, wide, market, problems) if wide.design else _Shown(wide, market, tuple(columns), problems)
    )
    if shown is None:
        return None
    for task in tasks:
        _add_task(task, columns, who, wide, shown, made, file, problems)
    kinds = {name: pa.array(cells, type=pa.large_string()) for name, cells in made.cells.items()}
    left_out = sum(made.unanswered.values())
    notes = (f"{file.source.name}: {left_out} tasks without an answer are left out.",) if left_out else ()
    return RawFile(file.source, pa.table(kinds), (), {}, tuple(made.rows)), notes


def _add_task(
    task: int,
    columns: Mapping[str, Texts],
    who: str,
    wide: WideSpec,
    shown: _Shown | _Design,
    made: _Long,
    file: SurveyFile,
    problems: list[Problem],
) -> None:
    """Append the alternatives of one task, for everybody who answered it."""
    column = wide.picked.format(task=task)
    wrong: dict[str, list[int]] = {}
    for place, picked in enumerate(columns[column].tolist()):
        row = place + 1 + wide.skip_rows
        person = columns[who][place]
        if picked is None:
            made.unanswered[column] += 1
            continue
        offers = shown.offers(task, place, row, columns)
        choice = _choice(picked, wide, len(offers))
        if choice is None:
            wrong.setdefault(picked, []).append(row)
            continue
        names = [str(number) for number in range(1, len(offers) + 1)]
        for name, offer in zip(names, offers, strict=True):
            _append(made, row, person, task, name, choice, offer)
        if wide.none:
            _append(made, row, person, task, DEFAULT_NONE, choice, {})
    for picked, rows in wrong.items():
        where = f"{file.source}: column '{column}', {name_rows(rows)}"
        allowed = "the number of an alternative that was shown, one of wide.answers, or one of wide.none"
        problems.append(Problem(where, f"picks '{picked}'", allowed, "correct the cells or the layout"))


def _append(
    made: _Long, row: int, person: str | None, task: int, name: str, choice: str, offer: Mapping[str, str | None]
) -> None:
    made.rows.append(row)
    made.cells[RESPONDENT].append(person)
    made.cells["task"].append(str(task))
    made.cells["alternative"].append(name)
    made.cells["chosen"].append("1" if name == choice else "0")
    for attribute in made.cells:
        if attribute not in (RESPONDENT, "task", "alternative", "chosen"):
            made.cells[attribute].append(offer.get(attribute))


def _choice(picked: str, wide: WideSpec, offers: int) -> str | None:
    """The name of the alternative that an answer means; None when it means none of them."""
    if picked in wide.none:
        return DEFAULT_NONE
    if picked in wide.answers:
        picked = str(wide.answers.index(picked) + 1)
    return picked if picked.isdigit() and 1 <= int(picked) <= offers else None


def _numbers(pattern: str, names: Sequence[str], part: str) -> list[int]:
    """The numbers that stand for `{part}` in names of this pattern, in order."""
    found = (_pattern(pattern).fullmatch(name) for name in names)
    return sorted({int(match[part]) for match in found if match})


def _pattern(pattern: str) -> re.Pattern[str]:
    escaped = re.escape(pattern)
    for part in ("task", "alternative", "attribute"):
        escaped = escaped.replace(re.escape("{" + part + "}"), rf"(?P<{part}>\d+)", 1)
    return re.compile(escaped)


def _is_shown(wide: WideSpec, name: str) -> bool:
    patterns = [pattern for pattern in (wide.shown, wide.names) if pattern is not None]
    return any(_pattern(pattern).fullmatch(name) for pattern in patterns)


class _Shown:
    """What was shown, from columns of the export itself."""

    def __init__(self, wide: WideSpec, market: MarketSpec, header: Sequence[str], problems: list[Problem]) -> None:
        self._wide = wide
        self._shown = wide.shown or ""
        self._attributes = tuple(market.attributes)
        self._alternatives = _numbers(self._shown, header, "alternative")
        self._places = _numbers(self._shown, header, "attribute")
        if not self._alternatives or (wide.names is None and len(self._places) != len(self._attributes)):
            found = f"columns like '{self._shown}' name {len(self._places)} attributes"
            allowed = f"{len(self._attributes)}, in the order of market.attributes, or wide.names"
            problems.append(Problem("market.choices.wide.shown", found, allowed, "correct the pattern"))

    def offers(self, task: int, place: int, row: int, columns: Mapping[str, Texts]) -> list[dict[str, str | None]]:  # noqa: ARG002 - as _Design
        """Attribute → level of each alternative."""
        found = []
        for alternative in self._alternatives:
            offer: dict[str, str | None] = {}
            for order, number in enumerate(self._places):
                cells = columns.get(self._shown.format(task=task, alternative=alternative, attribute=number))
                name = self._name(task, number, order, place, columns)
                if cells is not None and name is not None:
                    offer[name] = _level(self._wide, name, cells[place])
            if any(level is not None for level in offer.values()):
                found.append(offer)
        return found

    def _name(self, task: int, number: int, order: int, place: int, columns: Mapping[str, Texts]) -> str | None:
        if self._wide.names is None:
            return self._attributes[order] if order < len(self._attributes) else None
        cells = columns.get(self._wide.names.format(task=task, attribute=number))
        return None if cells is None or cells[place] is None else str(cells[place])


@dataclass(frozen=True)
class _Design:
    """What was shown, from the design file: (version, task) → the alternatives in their order."""

    wide: WideSpec
    tasks: Mapping[tuple[str, int], list[dict[str, str | None]]]
    problems: list[Problem]

    @classmethod
    def read(cls, file: SurveyFile, wide: WideSpec, market: MarketSpec, problems: list[Problem]) -> _Design | None:
        """Read the design file."""
        if wide.design is None:
            return None
        keys = [wide.version, "task", "alternative"]
        names = {name: file.columns.get(name, name) for name in ("task", "alternative", *market.attributes)}
        asked = SurveyFile(source=wide.design, columns=names)
        raw = read_raw(asked, [*keys, *market.attributes], problems)
        if raw is None:
            return None
        lacking = raw.missing([*keys, *market.attributes])
        problems.extend(lacking)
        if lacking:
            return None
        columns = {name: as_text(raw.table.column(name)).to_pylist() for name in raw.table.column_names}
        tasks: dict[tuple[str, int], list[tuple[int, dict[str, str | None]]]] = {}
        bad = []
        for row, (version, task, alternative) in enumerate(zip(*(columns[key] for key in keys), strict=True)):
            if version is None or not (task or "").isdigit() or not (alternative or "").isdigit():
                bad.append(row + 1)
                continue
            offer = {name: _level(wide, name, columns[name][row]) for name in market.attributes}
            if any(level is not None for level in offer.values()):  # a row without levels is the none option
                tasks.setdefault((version, int(task)), []).append((int(alternative), offer))
        if bad:
            where = f"{wide.design}: {name_rows(bad)}"
            problems.append(Problem(where, "version, task or alternative is no number", "numbers", "correct the rows"))
        ordered = {
            key: [offer for _, offer in sorted(offers, key=lambda pair: pair[0])] for key, offers in tasks.items()
        }
        return cls(wide, ordered, problems)

    def offers(self, task: int, place: int, row: int, columns: Mapping[str, Texts]) -> list[dict[str, str | None]]:
        """Attribute → level of each alternative."""
        version = columns[self.wide.version][place]
        found = self.tasks.get((str(version), task))
        if found is None:
            where, do = f"column '{self.wide.version}', row {row}", "correct the version or complete the design"
            known = {known for known, _ in self.tasks}
            self.problems.append(
                Problem(
                    where, f"version '{version}' has no task {task} in the design", nearest(str(version), known), do
                )
            )
            return []
        return found


def _level(wide: WideSpec, attribute: str, cell: str | None) -> str | None:
    """A level's name from its code; without codes the cell itself."""
    codes = wide.codes.get(attribute)
    if codes is None or cell is None:
        return cell
    if cell not in codes:
        return cell
    value = codes[cell]
    return value if isinstance(value, str) else f"{value:.15g}"
