"""The people of a choice survey: what is known of them, whose answers count, and for how many."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow.compute as pc

from marketfit.brief import MarketSpec, SurveyFile
from marketfit.brief.columns import columns_of
from marketfit.demand import ChoiceData, RespondentQuality, Verdict, check_respondents, rake
from marketfit.demand.arrays import FloatArray, label
from marketfit.engine import Run
from marketfit.errors import DataError, Problem, nearest
from marketfit.research import cells
from marketfit.research.attributes import signs
from marketfit.research.files import Table, name_rows, read_raw

RESPONDENT, SECONDS = "respondent", "seconds"

FEWEST_PEOPLE = 25
"""With fewer respondents there is no population to judge anybody by."""
MOST_DROPPED = 0.4
"""Where more would be dropped, the survey can't tell people from robots, and nobody is."""


@dataclass(frozen=True, eq=False)
class People:
    """The respondents' table: `columns` are what is known of them, beside `respondent` and `seconds`."""

    table: Table
    columns: tuple[str, ...]

    def of(self, names: list[str], column: str) -> list[str | None]:
        """The cells of a column for respondents by name; None for those that the table does not have."""
        found = pc.index_in(_array(names), value_set=self.table.column(RESPONDENT).combine_chunks())
        return list(self.table.column(column).take(found).to_pylist())


def _array(names: list[str]) -> Table:
    import pyarrow as pa

    return pa.array(names, type=pa.large_string())


def read_people(file: SurveyFile, market: MarketSpec) -> People:
    """Read `respondent` and every other column; a respondent stands there once.

    Raises:
        DataError: every mistake in the file, and every column of `market.population` that it lacks.
    """
    problems: list[Problem] = []
    header = columns_of(file.source) or ()
    names = {theirs: ours for ours, theirs in file.columns.items()}
    wanted = tuple(dict.fromkeys((RESPONDENT, *(names.get(name, name) for name in header))))
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
    columns = {RESPONDENT: cells.names(raw, RESPONDENT, problems, required=True)}
    for name in raw.table.column_names:
        if name == SECONDS:
            columns[name] = cells.numbers(raw, name, problems, allowed="seconds for all tasks together")
        elif name != RESPONDENT:
            columns[name] = cells.names(raw, name, problems, required=False)
    given = columns[RESPONDENT].to_pylist()
    first: dict[str, int] = {}
    again = [row for row, name in enumerate(given, start=1) if name and first.setdefault(name, row) != row]
    if again:
        where = f"{raw.path}: {name_rows(again)}"
        problems.append(Problem(where, "the respondent is there already", "one row each", "keep one of the rows"))
    if problems:
        raise DataError(problems)
    import pyarrow as pa

    known = tuple(name for name in columns if name not in (RESPONDENT, SECONDS))
    return People(pa.table(columns), known)


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

    Raises:
        DataError: shares in `market.population` that no weights can reach.
    """
    notes: list[str] = []
    verdicts: tuple[Verdict, ...] = ()
    if market.drop_careless and data.respondents >= FEWEST_PEOPLE:
        quality = _judged(data, people, market, run=run)
        share = len(quality.dropped) / quality.respondents
        if share > MOST_DROPPED:
            notes.append(
                f"{len(quality.dropped)} of {quality.respondents} respondents look careless: too many for the survey "
                "to tell people from chance, so nobody is left out. Is the choice too hard, or the file mixed up?"
            )
        else:
            data, verdicts = quality.clean(data), quality.verdicts
            flagged = len(quality.verdicts) - len(quality.dropped)
            notes.append(
                f"Respondents: {len(quality.dropped)} of {quality.respondents} left out for two reasons or more, each "
                f"listed; {flagged} more have one reason or a remark, and count."
            )
    if market.population:
        data, more = _weighted(data, people, market)
        notes += more
    return Counted(data, verdicts, tuple(notes))


def _judged(data: ChoiceData, people: People | None, market: MarketSpec, *, run: Run) -> RespondentQuality:
    seconds: FloatArray | None = None
    if people is not None and SECONDS in people.table.column_names:
        given = people.of(names_of(data), SECONDS)
        seconds = np.array([np.nan if value is None else float(value) for value in given])
    with run.reporter.task("respondents") as progress:
        return check_respondents(
            data,
            price=market.price,
            signs=signs(market),
            seconds=seconds,
            rng=run.seed_for("research", "respondents"),
            progress=progress,
        )


def _weighted(data: ChoiceData, people: People | None, market: MarketSpec) -> tuple[ChoiceData, list[str]]:
    from dataclasses import replace

    if people is None or data.respondent is None:
        found, do = "there is no table of respondents", "market.respondents: FILE"
        raise DataError([Problem("market.population", found, "a table with these columns", do)])
    names = names_of(data)
    sample: Mapping[str, list[str]] = {
        column: [value or "(not known)" for value in people.of(names, column)] for column in market.population
    }
    made = rake(sample, market.population)
    place = np.unique(data.respondent, return_inverse=True)[1]
    note = (
        f"Weights: {', '.join(market.population)} match the market; n = {len(names)} respondents are worth "
        f"{made.effective:.0f} of equal weight (Kish)."
    )
    if made.trimmed:
        note += f" {made.trimmed} weights are held at a limit, so shares are up to {made.largest_gap:.1%} off."
    return replace(data, weights=data.weights * made.weights[place]), [note]
