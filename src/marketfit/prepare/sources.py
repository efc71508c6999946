"""The two files of a brief's data: the labelled rows, and the further examples without labels."""

from __future__ import annotations

from dataclasses import dataclass

from marketfit.brief import Brief
from marketfit.engine import Reporter
from marketfit.errors import DataError, Problem
from marketfit.prepare.curate import Curated, curate
from marketfit.prepare.rows import Input
from marketfit.prepare.unlabelled import Unlabelled, read_unlabelled
from marketfit.records.data import FeedbackBatch


@dataclass(frozen=True)
class Sources:
    """What is in them, once it is clean; `unlabelled` is None where the brief names no such file."""

    curated: Curated
    unlabelled: Unlabelled | None

    @property
    def unlabelled_notes(self) -> tuple[str, ...]:
        """What became of the unlabelled rows."""
        return () if self.unlabelled is None else (self.unlabelled.note(),)


def read_sources(brief: Brief, batch: FeedbackBatch | None, *, reporter: Reporter) -> Sources:
    """Read both, before anything is made of either.

    Raises:
        DataError: what is wrong with both, all of it at once.
        RunError: the counts do not add up, which would be our fault.
    """
    problems: list[Problem] = []
    curated: Curated | None = None
    unlabelled: Unlabelled | None = None
    try:
        curated = curate(brief, batch, reporter=reporter)
    except DataError as error:
        problems += error.problems
    if (path := brief.data.unlabelled) is not None:
        try:
            with reporter.task(f"reading {path.name}") as advance:
                unlabelled = read_unlabelled(path, brief.data.input, _test_inputs(curated), progress=advance)
        except DataError as error:
            problems += error.problems
    if problems or curated is None:
        raise DataError(problems)
    return Sources(curated, unlabelled)


def _test_inputs(curated: Curated | None) -> list[Input]:
    """The inputs of the test rows; none where the labelled rows could not be read, and only mistakes are looked for."""
    if curated is None:
        return []
    rows = curated.rows
    return [example for example, split in zip(rows.inputs, rows.splits, strict=True) if split == "test"]
