"""Names of columns with numbers in them: which column of a wide export is task 2, alternative 1, attribute 3."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from marketfit.errors import Problem

PARTS = ("task", "alternative", "attribute")
Numbers = tuple[int | None, int | None, int | None]
"""Of task, alternative and attribute; None where the pattern has no such part."""


@dataclass(frozen=True)
class NumberedColumns:
    """The columns whose names have a pattern, by the numbers there; zeros before a number say nothing."""

    pattern: str
    columns: Mapping[Numbers, str]

    @classmethod
    def of(cls, pattern: str, names: Sequence[str], *, path: Path, problems: list[Problem]) -> NumberedColumns:
        """Those of a file; two columns with the same numbers are a problem.

        >>> found = NumberedColumns.of("Q{task}", ["Q010", "Q02", "Q"], path=Path("a.csv"), problems=[])
        >>> found.numbers("task"), found.column(task=2)
        ((2, 10), 'Q02')
        """
        expression, columns = _expression(pattern), dict[Numbers, str]()
        for name in names:
            if (match := expression.fullmatch(name)) is None:
                continue
            task, alternative, attribute = (
                int(match[part]) if part in expression.groupindex else None for part in PARTS
            )
            first = columns.setdefault((task, alternative, attribute), name)
            if first != name:
                where, do = f"{path}: columns '{first}' and '{name}'", "drop or rename one of them"
                problems.append(Problem(where, f"have the same numbers in '{pattern}'", "one column each", do))
        return cls(pattern, columns)

    def numbers(self, part: str) -> tuple[int, ...]:
        """The numbers that stand for a part in the names, in order."""
        place = PARTS.index(part)
        return tuple(sorted({number for key in self.columns if (number := key[place]) is not None}))

    def column(self, *, task: int, alternative: int | None = None, attribute: int | None = None) -> str:
        """The name of a column, for the numbers of its pattern; one that the file lacks is named without zeros."""
        numbers = (task, alternative, attribute)
        if numbers in self.columns:
            return self.columns[numbers]
        name = self.pattern
        for part, number in zip(PARTS, numbers, strict=True):
            name = name.replace(f"{{{part}}}", str(number), 1)
        return name


def is_numbered(pattern: str, name: str) -> bool:
    """Whether a name has this pattern."""
    return _expression(pattern).fullmatch(name) is not None


def _expression(pattern: str) -> re.Pattern[str]:
    escaped = re.escape(pattern)
    for part in PARTS:
        escaped = escaped.replace(re.escape("{" + part + "}"), rf"(?P<{part}>\d{{1,9}})", 1)
    return re.compile(escaped)
