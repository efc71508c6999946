"""The competitor table: named offers with the attributes of the choice survey."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from pydantic import Field as Limits

from marketfit.brief import AttributeSpec, MarketSpec, SurveyFile
from marketfit.demand.choices.table import DEFAULT_NONE
from marketfit.engine import Run
from marketfit.errors import DataError, Problem
from marketfit.records.base import Record
from marketfit.records.market import Offer
from marketfit.records.questionnaire import Cell, Field, Language, Question, Questionnaire
from marketfit.research import cells
from marketfit.research.attributes import is_number
from marketfit.research.files import RawFile, name_rows, read_raw
from marketfit.research.instruments.texts import INSTRUMENT_TEXTS
from marketfit.research.levels import check_names

NAME = "offer"


class CompetitorPlan(Record):
    """The attributes to fill in for each offer: levels to choose among, or none for a number of any size."""

    attributes: Mapping[str, tuple[Cell, ...]] = Limits(min_length=1)


class CompetitorTable(Record):
    """Named offers in the order of their file; `unused` are columns that are no attribute of the brief."""

    offers: tuple[Offer, ...]
    unused: tuple[str, ...] = ()


class Competitors:
    """Competitors as offers."""

    plan: ClassVar[type[Record]] = CompetitorPlan

    def design(
        self,
        plan: CompetitorPlan,
        *,
        seed: int,  # noqa: ARG002 - nothing is drawn
        language: Language = "en",
    ) -> Questionnaire:
        """One form, to be filled in once for each competitor."""
        texts, names = INSTRUMENT_TEXTS[language], tuple(plan.attributes)
        fields = [Field(name=NAME, kind="text", text=texts.competitors_name)]
        for name, levels in plan.attributes.items():
            text = tuple(level for level in levels if isinstance(level, str))
            fields.append(Field(name=name, kind="text" if text else "number", allowed=text))
        form = Question(id=NAME, respondent="", text=texts.competitors_question, fields=tuple(fields))
        return Questionnaire(
            instrument="competitors",
            title=texts.competitors_title,
            columns=(NAME, *names),
            keeps="cells",
            questions=(form,),
        )

    def read(self, file: SurveyFile, market: MarketSpec) -> CompetitorTable:
        """Read the table: a name and every attribute for each offer; no name twice."""
        path, problems = file.source, list[Problem]()
        attributes = tuple(market.attributes)
        raw = read_raw(file, (NAME, *attributes), problems)
        if raw is None:
            raise DataError(problems)
        problems.extend(raw.missing((NAME, *attributes)))
        if not raw.table.num_rows:
            problems.append(Problem(str(path), "has no rows", "one row for each competitor", "fill it in"))
        values: dict[str, list[Cell]] = {}
        for name in attributes:
            if name in raw.table.column_names:
                values[name] = _values(raw, name, market.attributes[name], problems)
        titles: list[str | None] = []
        if NAME in raw.table.column_names:
            titles = cells.names(raw, NAME, problems, required=True).to_pylist()
            _check_names(path, titles, problems)
        if problems:
            raise DataError(problems)
        offers = tuple(
            Offer(name=title or "", attributes={name: column[row] for name, column in values.items()})
            for row, title in enumerate(titles)
        )
        return CompetitorTable(offers=offers, unused=raw.unused)

    def estimate(self, answers: CompetitorTable, market: MarketSpec, *, run: Run) -> CompetitorTable:  # noqa: ARG002
        """The offers themselves: there is nothing to estimate."""
        return answers


def _values(raw: RawFile, name: str, spec: AttributeSpec, problems: list[Problem]) -> list[Cell]:
    """Names are among the declared levels; a number may lie between them."""
    if not is_number(spec):
        names = cells.names(raw, name, problems, required=True)
        check_names(raw, name, names, name, spec, problems)
        text: list[Cell] = names.to_pylist()
        return text
    read = cells.numbers(raw, name, problems, allowed="numbers, as in the survey")
    found: list[float | None] = read.to_pylist()
    empty = [row for row, value in enumerate(found, start=1) if value is None or not abs(value) < float("inf")]
    if empty:
        where = f"{raw.path}: column '{raw.named.get(name, name)}', {name_rows(empty)}"
        problems.append(Problem(where, "is empty or not finite", "a number for every offer", "fill the cells"))
    return [0.0 if value is None else value for value in found]


def _check_names(path: Path, titles: list[str | None], problems: list[Problem]) -> None:
    seen: dict[str, int] = {}
    for row, title in enumerate(titles, start=1):
        if title is None:
            continue
        if title.casefold() in seen:
            found = f"the offer '{title}' is in row {seen[title.casefold()]} already"
            problems.append(Problem(f"{path}: row {row}", found, "every name once", "rename or drop one"))
        if title.casefold() == DEFAULT_NONE:
            found = f"'{title}' is the name of buying nothing"
            problems.append(Problem(f"{path}: row {row}", found, "another name", "rename the offer"))
        seen.setdefault(title.casefold(), row)
