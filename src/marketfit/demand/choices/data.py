"""Choice data: who chose what among which alternatives (stated or revealed), in long form.

A *task* is one choice; an *alternative* is one row of it; the *none option* is the alternative of taking nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from marketfit.demand.arrays import BoolArray, FloatArray, IntArray, frozen
from marketfit.demand.choices.attribute import Attribute


@dataclass(frozen=True, eq=False)
class ChoiceData:
    """Checked choices, sorted by (respondent, task, alternative). Tasks may differ in their number of alternatives.

    Rows (one per alternative of a task):
        attributes: each with (rows,) values.
        alternative: (rows,) code into `alternatives`.
        is_none: (rows,) whether the row is the none option, whose name is `none` (None when there is none).
        row: (rows,) the row of the source table, counted from 0.
    Tasks:
        starts: (tasks,) first row of each task; sizes: (tasks,) number of alternatives.
        chosen: (tasks,) the row that was chosen.
        weights: (tasks,) ones unless a weight column is named.
        respondent: (tasks,) code into `respondent_labels`, or None.
    `alternative_column` is the name by which offers say which alternative they are.
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
    chosen: IntArray
    weights: FloatArray
    respondent: IntArray | None
    respondent_labels: NDArray[np.generic] | None

    @classmethod
    def from_table(
        cls,
        table: object,
        *,
        task: str,
        alternative: str,
        chosen: str,
        attributes: Sequence[str],
        respondent: str | None = None,
        weight: str | None = None,
        none: str | None = None,
    ) -> ChoiceData:
        """Read a table in long form: one row per alternative of a task.

        table: a pandas, polars or pyarrow table, or a mapping of column names to sequences.
        task, alternative, respondent: columns that identify; a task number may be used again by another respondent.
        chosen: column of 0/1 or booleans, exactly one 1 per task.
        attributes: columns of numbers, booleans or text (levels). Text that is all numbers stays text.
        weight: column with the weight of the task, the same on all its rows.
        none: name of the none option among the alternatives; its rows have empty attribute cells. Without it, an
            alternative called "none" whose attribute cells are all empty is taken as the none option.

        Raises DataError with every mistake in the table; the first row is row 1.

        >>> data = ChoiceData.from_table(
        ...     {"q": [1, 1, 2, 2], "alt": ["a", "b", "a", "b"], "won": [1, 0, 0, 1], "price": [1.0, 2.0, 3.0, 2.0]},
        ...     task="q", alternative="alt", chosen="won", attributes=["price"])
        >>> data.tasks, data.rows, data.alternatives
        (2, 4, ('a', 'b'))
        """
        # Arrow is needed to read tables only; shares are simulated without it.
        from marketfit.demand.choices.table import ColumnNames, read_choice_table

        listed = (attributes,) if isinstance(attributes, str) else tuple(attributes)
        names = ColumnNames(task, alternative, chosen, listed, respondent, weight, none)
        read = read_choice_table(table, names)
        layout = read.layout
        return cls(
            attributes=tuple(attribute.take(layout.order) for attribute in read.attributes),
            alternatives=read.alternatives,
            alternative_column=alternative,
            alternative=layout.alternative,
            is_none=read.is_none[layout.order],
            none=read.none,
            row=layout.order,
            starts=layout.starts,
            sizes=layout.sizes,
            chosen=np.flatnonzero(read.chosen[layout.order]).astype(np.int64),
            weights=read.weights[layout.order][layout.starts],
            respondent=layout.respondent,
            respondent_labels=layout.respondent_labels,
        )

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if isinstance(value, np.ndarray):
                object.__setattr__(self, name, frozen(value))

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
        return 0 if self.respondent is None else int(np.unique(self.respondent).size)

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
        return replace(
            self,
            attributes=tuple(attribute.take(rows) for attribute in self.attributes),
            alternative=self.alternative[rows],
            is_none=self.is_none[rows],
            row=self.row[rows],
            starts=new_row[self.starts[keep]],
            sizes=self.sizes[keep],
            chosen=new_row[self.chosen[keep]],
            weights=self.weights[keep],
            respondent=None if self.respondent is None else self.respondent[keep],
        )

    def in_table_order(self, values: FloatArray) -> FloatArray:
        """(rows,) values of the rows here, put in the order of the rows of the source table."""
        ordered: FloatArray = values[np.argsort(self.row, kind="stable")]
        return ordered
