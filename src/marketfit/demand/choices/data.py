"""Choice data: who chose what among which alternatives (stated or revealed), in long form.

A *task* is one choice; an *alternative* is one row of it; the *none option* is the alternative of taking nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TypedDict, Unpack

import numpy as np
from numpy.typing import NDArray

from marketfit.demand.arrays import BoolArray, FloatArray, IntArray, Scalar, frozen
from marketfit.demand.choices.attribute import Attribute
from marketfit.demand.keywords import check_keywords
from marketfit.demand.kinds import wrong_kind
from marketfit.errors import DataError, Problem


class OptionalParts(TypedDict, total=False):
    """Parts that columns of a choice table may play, beyond those that every table has.

    respondent: who chose; a task number may be used again by another respondent.
    covariates: what describes who chooses or when (income, age, group): the same on all rows of a task. They enter
        through interactions.
    weights: the weight of the task, the same on all its rows.
    availability: 0/1, booleans or yes/no; alternatives with 0 are left out of their task, and may have empty cells.
    none: no column, but the name of the none option among the alternatives; its rows have empty attribute cells.
        Without it, an alternative called "none" whose attribute cells are all empty is taken as the none option.
    """

    respondent: str | None
    covariates: Sequence[str]
    weights: str | None
    availability: str | None
    none: str | None


def _no_rows() -> IntArray:
    return np.zeros(0, dtype=np.int64)


@dataclass(frozen=True, eq=False, repr=False)
class ChoiceData:
    """Checked choices, sorted by (respondent, task, alternative). Tasks may differ in their number of alternatives.

    Everything here is in this order, whatever that of the table was; `row` says where a row comes from. What fits
    predict is in the order of the table, to stand beside its columns; `in_task_order` and `in_table_order` lead from
    one to the other.

    Rows (one per alternative of a task):
        attributes: each with (rows,) values.
        alternative: (rows,) code into `alternatives`.
        is_none: (rows,) whether the row is the none option, whose name is `none` (None when there is none).
        row: (rows,) the row of the source table, counted from 0.
    Tasks:
        covariates: each with (tasks,) values; they describe who chooses or when, not what is on offer.
        starts: (tasks,) first row of each task; sizes: (tasks,) number of alternatives.
        choices: (tasks,) the row that was chosen; None where the table does not say. `chosen` is the same, and an
        error where there are none.
        weights: (tasks,) ones unless a weight column is named.
        respondent: (tasks,) code into `respondent_labels`, or None.
    Rows that were not available are no rows here; left_out, left_out_task: (rows left out,) their rows in the source
    table, and the task that each belongs to. `alternative_column` is the name by which offers say which alternative
    they are.
    """

    attributes: tuple[Attribute, ...]
    alternatives: tuple[str, ...]
    alternative_column: str
    alternative: IntArray
    is_none: BoolArray
    none: str | None
    row: IntArray
    starts: IntArray
    sizes: IntArray
    choices: IntArray | None
    weights: FloatArray
    respondent: IntArray | None
    respondent_labels: NDArray[np.generic] | None
    covariates: tuple[Attribute, ...] = ()
    left_out: IntArray = field(default_factory=_no_rows)
    left_out_task: IntArray = field(default_factory=_no_rows)

    @classmethod
    def from_table(
        cls,
        table: object,
        *,
        task: str,
        alternative: str,
        chosen: str | None,
        attributes: Sequence[str],
        **parts: Unpack[OptionalParts],
    ) -> ChoiceData:
        """Read a table in long form: one row per alternative of a task.

        table: a pandas, polars or pyarrow table, or a mapping of column names to sequences.
        task, alternative: columns that identify.
        chosen: column of 0/1, booleans or yes/no, exactly one yes per task; or of text, the name of the chosen
            alternative on every row of the task. None for data that are only predicted on.
        attributes: columns of numbers, booleans or text (levels). Text that is all numbers stays text, as
            long as it has few levels. Levels are sorted, unless the column is of ordered categories (pandas ordered
            categorical, polars Enum, Arrow ordered dictionary): then they keep that order, and the first that occurs is
            the base. Categories that no row has are left out.
        parts: columns for respondent, covariates, weights and availability, and the none option: see `OptionalParts`.

        Raises DataError with every mistake in the table; the first row is row 1.

        >>> data = ChoiceData.from_table(
        ...     {"q": [1, 1, 2, 2], "alt": ["a", "b", "a", "b"], "won": [1, 0, 0, 1], "price": [1.0, 2.0, 3.0, 2.0]},
        ...     task="q", alternative="alt", chosen="won", attributes=["price"])
        >>> data
        <ChoiceData: 2 tasks, 4 rows, 2 alternatives, described by price>
        """
        # Arrow is needed to read tables only; shares are simulated without it.
        from marketfit.demand.choices.table import ColumnNames, read_choice_table

        check_keywords(cls.from_table, parts, OptionalParts.__annotations__)
        read = read_choice_table(table, ColumnNames(task, alternative, chosen, attributes, **parts))
        layout = read.layout
        return cls(
            attributes=read.attributes,
            alternatives=read.alternatives,
            alternative_column=alternative,
            alternative=layout.alternative,
            is_none=read.is_none,
            none=read.none,
            row=layout.order,
            starts=layout.starts,
            sizes=layout.sizes,
            choices=read.choices,
            weights=read.weights,
            respondent=layout.respondent,
            respondent_labels=layout.respondent_labels,
            covariates=read.covariates,
            left_out=layout.left_out,
            left_out_task=layout.left_out_task,
        )

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if isinstance(value, np.ndarray):
                object.__setattr__(self, name, frozen(value))

    def __repr__(self) -> str:
        people = f" of {self.respondents} respondents" if self.respondents else ""
        names = ", ".join(item.name for item in (*self.attributes, *self.covariates)) or "nothing"
        alternatives = f"{self.rows} rows, {len(self.alternatives)} alternatives"
        return f"<ChoiceData: {self.tasks} tasks{people}, {alternatives}, described by {names}>"

    @property
    def rows(self) -> int:
        """Number of alternatives over all tasks."""
        return self.row.size

    @property
    def tasks(self) -> int:
        """Number of choices."""
        return self.starts.size

    @property
    def respondents(self) -> int:
        """Number of people who chose; 0 when the table does not say who."""
        # Tasks are sorted by respondent.
        return 0 if self.respondent is None else int(np.count_nonzero(np.diff(self.respondent, prepend=-1)))

    @property
    def chosen(self) -> IntArray:
        """(tasks,) the row that was chosen. Raises DataError where the table did not say."""
        if self.choices is None:
            found = "do not say what was chosen: they were read with chosen=None"
            allowed = "such data can be predicted on; fits and scores need to know the choices"
            do = "name the column of choices in ChoiceData.from_table"
            raise DataError([Problem("the choice data", found, allowed, do)])
        return self.choices

    @property
    def task_of_row(self) -> IntArray:
        """(rows,) the task that each row belongs to."""
        return np.repeat(np.arange(self.tasks, dtype=np.int64), self.sizes)

    def take(self, tasks: IntArray | BoolArray) -> ChoiceData:
        """Some of the tasks, in their order here: to hold tasks out, or for one respondent or class.

        tasks: (tasks,) a mask, or distinct task numbers.
        """
        keep = np.zeros(self.tasks, dtype=np.bool_)
        keep[tasks] = True
        rows = np.flatnonzero(np.repeat(keep, self.sizes))
        new_row = np.full(self.rows, -1, dtype=np.int64)
        new_row[rows] = np.arange(rows.size)
        left = keep[self.left_out_task]
        return replace(
            self,
            attributes=tuple(attribute.take(rows) for attribute in self.attributes),
            alternative=self.alternative[rows],
            is_none=self.is_none[rows],
            row=self.row[rows],
            starts=new_row[self.starts[keep]],
            sizes=self.sizes[keep],
            choices=None if self.choices is None else new_row[self.choices[keep]],
            weights=self.weights[keep],
            respondent=None if self.respondent is None else self.respondent[keep],
            covariates=tuple(covariate.take(keep) for covariate in self.covariates),
            left_out=self.left_out[left],
            left_out_task=(np.cumsum(keep) - 1)[self.left_out_task[left]],
        )

    def in_table_order(self, values: FloatArray) -> FloatArray:
        """(table rows,) values of the rows here, (rows,), put in the order of the rows of the source table.

        Rows that were left out as not available are among them, with the value 0.
        """
        padded = np.concatenate([values, np.zeros(self.left_out.size)])
        ordered: FloatArray = padded[self._table_order]
        return ordered

    def in_task_order(self, values: NDArray[Scalar]) -> NDArray[Scalar]:
        """(rows,) values of the rows of the source table, (table rows,), put in the order of the rows here.

        What `predict` returns, say, or a column of the table: they then go with `starts`, `alternative` and `chosen`.
        Values of rows that were left out as not available are dropped.
        Raises DataError for another number of values. (Of data that `take` made, the table is what it took.)

        >>> data = ChoiceData.from_table(
        ...     {"q": [2, 1, 2, 1], "alt": ["a", "b", "b", "a"], "won": [1, 0, 0, 1], "price": [1.0, 2.0, 3.0, 4.0]},
        ...     task="q", alternative="alt", chosen="won", attributes=["price"])
        >>> told = np.array([0.7, 0.4, 0.3, 0.6])  # beside the rows of the table
        >>> data.in_task_order(told)[data.chosen]  # of what was chosen in task 1 and in task 2
        array([0.6, 0.7])
        >>> [data.alternatives[code] for code in data.alternative.tolist()]
        ['a', 'b', 'a', 'b']
        """
        given = np.asarray(values)
        if given.shape != self._table_order.shape:
            allowed, do = f"{self._table_order.shape}", "give one value for each row of the table"
            raise DataError([Problem("values", f"have shape {given.shape}", allowed, do)])
        ordered = np.empty_like(given)
        ordered[self._table_order] = given
        return ordered[: self.rows]

    @property
    def _table_order(self) -> IntArray:
        """(table rows,) places of the rows of the source table among the rows here and, after them, those left out."""
        return np.argsort(np.concatenate([self.row, self.left_out]), kind="stable")


def check_choice_data(given: object) -> None:
    """Raise DataError, with how to make it, for what is no choice data: a table that was not read, above all."""
    if not isinstance(given, ChoiceData):
        do = "make it with ChoiceData.from_table(table, task=…, alternative=…, chosen=…, attributes=[…]) first"
        raise wrong_kind("data", given, allowed="choice data", do=do)
