"""A file of survey answers, checked column by column; every mistake of the file is told at once, with its rows.

Any survey file may have a column `weight`: how much each respondent counts, a number above 0, the same on all rows of
a respondent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from marketfit.brief import SurveyFile
from marketfit.errors import DataError, Problem, nearest
from marketfit.research import cells
from marketfit.research.files import Column, RawFile, name_rows, read_raw
from marketfit.research.respondents import Respondents

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

WEIGHT = "weight"


@dataclass(frozen=True, eq=False)
class Names:
    """A column of names: codes (rows,) into the sorted distinct names, −1 where empty."""

    column: str
    codes: Ints
    words: Column

    @property
    def count(self) -> int:
        """How many different names there are."""
        return len(self.words)

    @property
    def labels(self) -> tuple[str, ...]:
        """The names, in the order of their codes."""
        return tuple(self.words.to_pylist())


class Sheet:
    """A file under our names of columns. A column that is missing is a problem once, and reads as empty."""

    def __init__(self, raw: RawFile, problems: list[Problem]) -> None:
        self._raw = raw
        self._problems = problems

    @classmethod
    def of(cls, file: SurveyFile, *, needs: Sequence[str], may: Sequence[str] = ()) -> Sheet:
        """Read the columns that the file needs, and those that it may have, `weight` among them.

        Raises:
            DataError: the file can't be read at all, or has no rows.
        """
        problems: list[Problem] = []
        raw = read_raw(file, (*needs, *may, WEIGHT), problems)
        if raw is None:
            raise DataError(problems)
        problems.extend(raw.missing(needs))
        if not raw.table.num_rows:
            problems.append(Problem(str(raw.path), "has no rows", "one row for each answer", "give the answers"))
            raise DataError(problems)
        return cls(raw, problems)

    @property
    def rows(self) -> int:
        """How many rows the file has."""
        return int(self._raw.table.num_rows)

    def has(self, name: str) -> bool:
        """Whether the file has a column."""
        return name in self._raw.table.column_names

    def names(self, name: str, *, required: bool = True, most: int | None = None) -> Names:
        """A column of names, at most `most` different ones."""
        if not self.has(name):
            return Names(name, np.full(self.rows, -1, dtype=np.int64), pa.array([], type=pa.large_string()))
        text = cells.names(self._raw, name, self._problems, required=required)
        encoded = pc.dictionary_encode(text)
        encoded = encoded.combine_chunks() if isinstance(encoded, pa.ChunkedArray) else encoded
        order = pc.sort_indices(encoded.dictionary).to_numpy(zero_copy_only=False)
        rank = np.empty(order.size + 1, dtype=np.int64)
        rank[order], rank[-1] = np.arange(order.size), -1
        codes = rank[encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)]
        if most is not None and order.size > most:
            found = f"names {order.size:,} different ones"
            self.problem(f"column '{name}'", found, f"at most {most:,}", "is it the right column?")
        return Names(name, codes, encoded.dictionary.take(pa.array(order)))

    def numbers(
        self, name: str, *, low: float, high: float = np.inf, whole: bool = False, required: bool = True
    ) -> Floats:
        """A column of finite numbers from `low` to `high`, (rows,); NaN where empty or text."""
        if not self.has(name):
            return np.full(self.rows, np.nan)
        allowed = f"{'whole ' if whole else ''}numbers of at least {low:g}"
        if np.isfinite(high):
            allowed = f"{'whole ' if whole else ''}numbers from {low:g} to {high:g}"
        read, text = cells.numbers_and_text(self._raw, name, self._problems, allowed=allowed)
        values = np.asarray(read.to_numpy(), dtype=np.float64)
        empty = np.isnan(values)
        values = np.where(text, np.nan, values)
        wrong = ~np.isnan(values) & ~((values >= low) & (values <= high) & np.isfinite(values))
        if whole:
            wrong |= np.isfinite(values) & (values != np.round(values))
        if wrong.any():
            found = f"is {values[int(np.flatnonzero(wrong)[0])]:g}"
            self.problem(f"column '{name}', {rows_of(wrong)}", found, allowed, "correct the cells")
        if required and empty.any():
            self.problem(f"column '{name}', {rows_of(empty)}", "is empty", allowed, "fill the cells or drop the rows")
        return values

    def choices(self, name: str, *vocabularies: Sequence[str], required: bool = True) -> Ints:
        """A column whose cells are words of one of the vocabularies, in any case of letters, as places in it (rows,).

        −1 where empty. All vocabularies are of one length: they are other words for the same things.
        """
        if not self.has(name):
            return np.full(self.rows, -1, dtype=np.int64)
        text = cells.names(self._raw, name, self._problems, required=required)
        lower = pc.utf8_lower(text)
        codes = np.full(self.rows, -1, dtype=np.int64)
        for words in vocabularies:
            found = pc.index_in(
                lower, value_set=pa.array([word.lower() for word in words], type=pa.large_string())
            ).fill_null(-1)
            codes = np.maximum(codes, found.to_numpy().astype(np.int64))
        wrong = (codes < 0) & pc.is_valid(text).to_numpy()
        if wrong.any():
            example = str(text[int(np.flatnonzero(wrong)[0])].as_py())
            known = dict.fromkeys(word for words in vocabularies for word in words)
            shown = example if len(example) <= 40 else example[:39] + "…"
            self.problem(f"column '{name}', {rows_of(wrong)}", f"is '{shown}'", nearest(example, known), "correct it")
        return codes

    def once(self, *keys: Names, found: str, do: str = "keep the answer that holds") -> None:
        """A problem for rows that agree in all keys; rows with an empty key are left to those who read the keys."""
        usable = np.flatnonzero(np.all([key.codes >= 0 for key in keys], axis=0))
        joint = keys[0].codes[usable]
        for key in keys[1:]:
            joint = joint * max(key.count, 1) + key.codes[usable]
        order = np.argsort(joint, kind="stable")
        same = np.diff(joint[order]) == 0
        if same.any():
            twice = np.zeros(self.rows, dtype=np.bool_)
            twice[usable[order[:-1][same]]] = twice[usable[order[1:][same]]] = True
            names = " and ".join(f"'{key.column}'" for key in keys)
            self.problem(rows_of(twice), found, f"every {names} once", do)

    def constant(self, name: str, *, low: float, high: float) -> float:
        """A whole number that all rows of the file share."""
        values = self.numbers(name, low=low, high=high, whole=True)
        known = values[np.isfinite(values)]
        if known.size and (known != known[0]).any():
            other = np.isfinite(values) & (values != known[0])
            found = f"is not {known[0]:g} as above"
            self.problem(f"column '{name}', {rows_of(other)}", found, "one number in the file", "split the file")
        return float(known[0]) if known.size else high

    def weights(self, person: Names) -> Floats:
        """How much each respondent counts, (people,); 1 where the file has no weights."""
        if not self.has(WEIGHT):
            return np.ones(person.count)
        values = self.numbers(WEIGHT, low=0.0)
        zero = values == 0.0
        if zero.any():
            self.problem(f"column '{WEIGHT}', {rows_of(zero)}", "is 0", "numbers above 0", "drop the rows")
        rows = np.flatnonzero((person.codes >= 0) & np.isfinite(values))
        of_person = np.ones(person.count)
        of_person[person.codes[rows][::-1]] = values[rows][::-1]  # the first row of each
        differs = np.zeros(self.rows, dtype=np.bool_)
        differs[rows] = of_person[person.codes[rows]] != values[rows]
        if differs.any():
            found = "differs from the weight in an earlier row of the respondent"
            self.problem(f"column '{WEIGHT}', {rows_of(differs)}", found, "one weight a respondent", "correct it")
        return of_person

    def respondents(self, person: Names) -> Respondents:
        """Who answered, and how much each counts."""
        return Respondents(person.words, self.weights(person))

    def problem(self, where: str, found: str, allowed: str, do: str) -> None:
        """Add a mistake of the file; `where` is the place inside it."""
        self._problems.append(Problem(f"{self._raw.path}: {where}", found, allowed, do))

    def check(self) -> None:
        """Raise DataError with all the mistakes, if there are any."""
        if self._problems:
            raise DataError(self._problems)

    def notes(self) -> tuple[str, ...]:
        """What a reader should know of the file: columns that nobody asked for."""
        if not self._raw.unused:
            return ()
        named = ", ".join(f"'{name}'" for name in self._raw.unused[:20])
        more = f" and {len(self._raw.unused) - 20} more" if len(self._raw.unused) > 20 else ""
        return (f"{self._raw.path.name}: columns that were not used: {named}{more}.",)


def rows_of(mask: Flags) -> str:
    """Name the rows of a file where a mask is true.

    >>> rows_of(np.array([False, True, True]))
    'rows 2, 3'
    """
    return name_rows((np.flatnonzero(mask) + 1).tolist())
