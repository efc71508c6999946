"""The people of a choice survey: what is known of them, whose answers count, and for how many."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from marketfit.brief import MarketSpec, SurveyFile
from marketfit.brief.columns import header_of
from marketfit.demand import ChoiceData, RespondentQuality, Verdict, check_respondents, rake
from marketfit.demand.arrays import FloatArray, IntArray, label
from marketfit.engine import Run
from marketfit.errors import DataError, Problem, nearest
from marketfit.records.respondents import RESPONDENT_COLUMNS
from marketfit.research import cells
from marketfit.research.attributes import signs
from marketfit.research.files import Column, RawFile, Table, name_rows, read_raw
from marketfit.research.given import Flags

RESPONDENT, SECONDS, ANSWERED = "respondent", "seconds", "answered"

BOOKKEEPING = tuple(name for name in RESPONDENT_COLUMNS if name != RESPONDENT)
"""Columns of our own `survey read`, which say how somebody answered, and nothing of who they are."""

MOST_DROPPED = 0.4
"""Where more would be dropped, the survey can't tell people from robots, and nobody is."""


@dataclass(frozen=True, eq=False)
class People:
    """The respondents' table: `columns` are what is known of them, beside `respondent` and the bookkeeping.

    Columns of numbers are numbers, others names; those of `market.population` are names always.
    """

    table: Table
    columns: tuple[str, ...]

    def numbers(self, names: list[str], column: str) -> FloatArray | None:
        """A column of numbers for respondents by name, NaN where unknown; None where there is no such column."""
        if column not in self.table.column_names or not pa.types.is_floating(self.table.column(column).type):
            return None
        return np.array([np.nan if value is None else value for value in self.of(names, column)], dtype=np.float64)

    def knows(self, names: list[str]) -> Flags:
        """(names,) whether the table has a respondent."""
        found = pc.is_in(pa.array(names, type=pa.large_string()), value_set=self.table.column(RESPONDENT))
        return np.asarray(found.to_numpy(zero_copy_only=False), dtype=np.bool_)

    def levels(self, names: list[str], column: str) -> list[str]:
        """A column of names for respondents by name; "(not known)" for those without."""
        return ["(not known)" if value is None else str(value) for value in self.of(names, column)]

    def of(self, names: list[str], column: str) -> list[str | float | None]:
        """The cells of a column for respondents by name; None for those that the table does not have."""
        asked = pa.array(names, type=pa.large_string())
        found = pc.index_in(asked, value_set=self.table.column(RESPONDENT).combine_chunks())
        return list(self.table.column(column).take(found).to_pylist())


def read_people(file: SurveyFile, market: MarketSpec) -> People:
    """Read `respondent` and every other column; a respondent stands there once.

    Numbers stay numbers: columns of a numeric type, and in csv and tsv, which know no types, those whose cells are all
    numbers. To make codes such as 1 and 2 names, write them as words.

    Raises:
        DataError: every mistake in the file, and every column of `market.population` that it lacks.
    """
    problems: list[Problem] = []
    header = header_of(file.source, most=None)
    names = {theirs: ours for ours, theirs in file.columns.items()}
    wanted = tuple(dict.fromkeys((RESPONDENT, *(names.get(name, name) for name in (header.names if header else ())))))
    raw = read_raw(file, wanted, problems)
    if raw is None:
        raise DataError(problems)
    problems.extend(raw.missing((RESPONDENT,)))
    for name in market.population:
        if name not in wanted:
            do = "name a column of the respondents"
            problems.append(Problem(f"market.population.{name}", "no such column", nearest(name, wanted), do))
    if RESPONDENT not in raw.table.column_names:
        raise DataError(problems)
    columns = _columns(raw, market, problems)
    given = columns[RESPONDENT].to_pylist()
    first: dict[str, int] = {}
    again = [row for row, name in enumerate(given, start=1) if name and first.setdefault(name, row) != row]
    if again:
        where = f"{raw.path}: {name_rows(again)}"
        problems.append(Problem(where, "the respondent is there already", "one row each", "keep one of the rows"))
    if problems:
        raise DataError(problems)
    known = tuple(name for name in columns if name not in (RESPONDENT, *BOOKKEEPING))
    return People(pa.table(columns), known)


def _columns(raw: RawFile, market: MarketSpec, problems: list[Problem]) -> dict[str, Column]:
    """Every column as names or numbers."""
    columns = {RESPONDENT: cells.names(raw, RESPONDENT, problems, required=True)}
    for name in raw.table.column_names:
        if name == SECONDS:
            columns[name] = cells.numbers(raw, name, problems, allowed="seconds for all questions together")
        elif name not in (RESPONDENT, *market.population) and cells.are_numbers(raw, name):
            columns[name] = cells.numbers(raw, name, problems)
        elif name != RESPONDENT:
            columns[name] = cells.names(raw, name, problems, required=False)
    return columns


@dataclass(frozen=True, eq=False)
class Counted:
    """The choices that count, with their weights; who was dropped, and what must be known."""

    data: ChoiceData
    verdicts: tuple[Verdict, ...]
    notes: tuple[str, ...]

    @property
    def dropped(self) -> tuple[Verdict, ...]:
        """Respondents whose answers are left out."""
        return tuple(verdict for verdict in self.verdicts if verdict.dropped)


def names_of(data: ChoiceData) -> list[str]:
    """The respondents of choice data by name, in the order of their codes."""
    if data.respondent is None or data.respondent_labels is None:
        return []
    return [label(data.respondent_labels[code]) for code in np.unique(data.respondent).tolist()]


def count_people(data: ChoiceData, people: People | None, market: MarketSpec, *, run: Run) -> Counted:
    """Leave out those whom two criteria speak against, and weigh the others to the known shares of the market.

    Weights of the survey file say how many people each respondent stands for: raking starts from them, and nobody is
    judged by them.

    Raises:
        DataError: shares in `market.population` that no weights can reach.
    """
    notes: list[str] = []
    verdicts: tuple[Verdict, ...] = ()
    if not market.drop_careless:
        notes.append("Respondents were not judged: drop_careless is off.")
    else:
        quality = _judged(replace(data, weights=np.ones(data.tasks)), people, market, run=run)
        dropped = len(quality.dropped)
        if dropped > MOST_DROPPED * quality.respondents:
            listed = ", ".join(verdict.respondent for verdict in quality.dropped)
            notes.append(
                f"{dropped} of {quality.respondents} respondents look careless ({listed}): too many for the "
                "survey to tell people from chance, so nobody is left out. Is the choice too hard, or the "
                "file mixed up?"
            )
        else:
            data, verdicts = quality.clean(data) if dropped else data, quality.verdicts
            notes.append(
                f"Respondents: {dropped} of {quality.respondents} left out for two reasons or more, each "
                f"listed; {len(quality.verdicts) - dropped} more have one reason or a remark, and count."
            )
        notes += quality.not_judged
    if market.population:
        data, more = _raked(data, people, market)
        notes += more
    elif data.respondent is not None and np.ptp(data.weights) > 0:
        place, weights = _by_person(data)
        weights = weights / weights.mean()
        data = replace(data, weights=weights[place])
        worth = float(weights.sum() ** 2 / (weights**2).sum())
        notes.append(
            f"Weights: as the survey file gives them; n = {weights.size} respondents are worth {worth:.0f} of equal "
            "weight (Kish)."
        )
    return Counted(data, verdicts, tuple(notes))


def _judged(data: ChoiceData, people: People | None, market: MarketSpec, *, run: Run) -> RespondentQuality:
    names = names_of(data)
    seconds = None if people is None else people.numbers(names, SECONDS)
    answered = None if people is None else people.numbers(names, ANSWERED)
    with run.reporter.task("respondents") as progress:
        return check_respondents(
            data,
            price=market.price,
            signs=signs(market),
            seconds=seconds,
            answered=answered,
            rng=run.seed_for("research", "respondents"),
            progress=progress,
        )


def _by_person(data: ChoiceData) -> tuple[IntArray, FloatArray]:
    """(tasks,) the place of each task's respondent among those who are there, and (respondents,) their weights."""
    assert data.respondent is not None, "people are known"
    first, place = np.unique(data.respondent, return_index=True, return_inverse=True)[1:]
    return place, data.weights[first]


def _raked(data: ChoiceData, people: People | None, market: MarketSpec) -> tuple[ChoiceData, list[str]]:
    if people is None or data.respondent is None:
        found, do = "there is no table of respondents", "market.respondents: FILE"
        raise DataError([Problem("market.population", found, "a table with these columns", do)])
    names = names_of(data)
    sample: Mapping[str, list[str]] = {column: people.levels(names, column) for column in market.population}
    place, start = _by_person(data)
    made = rake(sample, market.population, start=start)
    note = (
        f"Weights: {', '.join(market.population)} match the market; n = {len(names)} respondents are worth "
        f"{made.effective:.0f} of equal weight (Kish)."
    )
    if np.ptp(start) > 0:
        note += " They start from those of the survey file."
    if made.trimmed:
        note += f" {made.trimmed} weights are held at a limit, so shares are up to {made.largest_gap:.1%} off."
    return replace(data, weights=made.weights[place]), [note]
