"""Can classes be learnt and measured from these rows? All problems at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

from marketfit.brief import DataSpec
from marketfit.errors import Problem
from marketfit.prepare.options import FEWEST, LISTED
from marketfit.prepare.rows import SPLITS, Rows, Split
from marketfit.prepare.select import where_clause
from marketfit.prepare.split import missing_classes


def class_problems(
    labels: Sequence[str], data: DataSpec, *, carved: Collection[Split], when: str = ""
) -> list[Problem]:
    """One class only, or classes with fewer than three rows where a part has to be carved out of them."""
    counts = Counter(labels)
    where = f"{data.source}: column '{data.label}' (data.label)"
    if len(counts) == 1:
        label = next(iter(counts))
        found = f"all {len(labels):,} rows{when} have one class, '{label}'"
        return [Problem(where, found, "two classes or more", "add rows of another class, or check data.label")]
    few = sorted((label for label, rows in counts.items() if rows < FEWEST), key=lambda label: (counts[label], label))
    if not few or not carved:
        return []
    named = [f"'{label}' ({counts[label]})" for label in few[:LISTED]]
    named += [f"{len(few) - LISTED:,} more"] if len(few) > LISTED else []
    noun = "1 class has" if len(few) == 1 else f"{len(few):,} classes have"
    found = f"{noun} fewer than {FEWEST} rows{when}: {', '.join(named)}"
    allowed = f"{FEWEST} rows or more, one for each of train, valid and test"
    return [Problem(where, found, allowed, _remedy(data, [label for label in counts if label not in few]))]


def split_problems(rows: Rows, data: DataSpec) -> list[Problem]:
    """Parts or classes that the assigned rows lack."""
    splits = [split or "train" for split in rows.splits]
    counts = Counter(splits)
    where = f"{data.source}: column '{data.split}' (data.split)" if data.split else str(data.source)
    problems = [
        Problem(where, f"no row is left in {part}", "rows in train, valid and test", _fill(data))
        for part in SPLITS
        if not counts[part]
    ]
    unseen = missing_classes(rows.labels, splits)["train"] if counts["train"] else []
    if unseen:
        named = ", ".join(f"'{label}'" for label in unseen[:LISTED])
        named += f" and {len(unseen) - LISTED:,} more" if len(unseen) > LISTED else ""
        found = f"classes without a row in train can't be learnt: {named}"
        remedy = _remedy(data, sorted(set(rows.labels) - set(unseen)))
        problems.append(Problem(where, found, "every class in train", remedy))
    return problems


def split_notes(rows: Rows) -> list[str]:
    """Classes that are not measured because valid or test lacks them."""
    missing = missing_classes(rows.labels, [split or "train" for split in rows.splits])
    notes: list[str] = []
    for part in ("valid", "test"):
        names = missing[part]
        if names:
            named = ", ".join(names[:LISTED]) + (f" and {len(names) - LISTED} more" if len(names) > LISTED else "")
            notes.append(f"{part} has no row of {len(names)} of {len(set(rows.labels))} classes: {named}")
    return notes


def _fill(data: DataSpec) -> str:
    """How every part gets rows."""
    rows = f"add rows with other values of '{data.group}' (data.group: equal ones stay together)"
    told = rows if data.group else "add rows"
    own = [f"data.{name}" for name, column in (("split", data.split), ("group", data.group)) if column]
    return f"{told}, or drop {' or '.join(own)}" if own else told


def _remedy(data: DataSpec, kept: Sequence[str]) -> str:
    if len(kept) <= LISTED:
        return f"add rows, or leave the class out with {where_clause(data.label, sorted(kept))}"
    return f"add rows, or leave the class out (where: {{{data.label}: [the classes to keep]}})"
