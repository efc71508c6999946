"""`check`: everything that can be known before any training, in seconds."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from marketfit import engine
from marketfit.brief import Brief
from marketfit.engine import Reporter, Run
from marketfit.errors import BriefError, InputError, Problem
from marketfit.ledger import Ledger
from marketfit.loop.forecast import StepTime, forecast
from marketfit.loop.place import check_backbones, check_target, loaded, workspace_of
from marketfit.position import RowsNeeded, rows_plan
from marketfit.prepare import DataPreview, inspect
from marketfit.records.base import Record
from marketfit.records.market import MarketView
from marketfit.report.figures import counted, duration
from marketfit.research import research


class Check(Record):
    """A sound brief: what its data are, what each proof takes, what the market says, how long a run will take.

    `opening` is the number of the next opening of the locked test, which says how strictly it is judged.
    """

    status: str = "done"
    product: str
    data: DataPreview
    opening: int
    rows_needed: tuple[RowsNeeded, ...]
    market: tuple[str, ...]
    times: tuple[StepTime, ...]

    @property
    def seconds(self) -> float:
        """Estimated seconds of a run, at the most."""
        return sum(step.seconds for step in self.times)

    def as_text(self) -> str:
        """For a person."""
        lines = [f"{self.product}: the brief and its files are sound.", "", "Data", *self._data(), ""]
        lines += ["Test rows", *(f"  {plan.text}" for plan in self.rows_needed)]
        if not self.rows_needed:
            lines.append("  No requirement is measured on test rows.")
        if self.market:
            lines += ["", "Market", *(f"  {note}" for note in self.market)]
        lines += ["", f"Time: about {duration(self.seconds)} on this machine, of which"]
        lines += [f"  {step.step}: {duration(step.seconds)} ({step.how})" for step in self.times]
        return "\n".join(lines)

    def _data(self) -> list[str]:
        data = self.data
        splits = ", ".join(f"{split} {rows:,}" for split, rows in data.splits.items())
        lines = [f"  {counted(data.source_rows, 'row')}, {counted(len(data.classes), 'class', 'classes')}: {splits}"]
        lines += [f"  quarantined: {count.rows:,} ({count.reason})" for count in data.quarantined]
        return lines + [f"  {note}" for note in data.notes]


def check(
    brief: Brief | Path | str,
    *,
    workspace: Path | str | None = None,
    reporter: Reporter | None = None,
    ledger: str | None = None,
) -> Check:
    """Read the brief and every file that it names; nothing is trained and nothing is kept.

    Raises:
        InputError: everything that is wrong with the brief, the data and the survey, at once.
    """
    asked = loaded(brief)
    check_target(asked.target)
    say = reporter or engine.reporter(quiet=True)
    opening = _next_opening(asked, workspace_of(asked, workspace), ledger)
    with (
        tempfile.TemporaryDirectory() as folder,
        engine.start(asked, workspace=Path(folder), command="check", reporter=reporter) as run,
    ):
        began = time.monotonic()
        data, market = _read(asked, say, run)
        times = forecast(asked, data, reading=time.monotonic() - began, run=run)
    smallest = min((splits.get("test", 0) for splits in data.classes.values()), default=0)
    return Check(
        product=asked.product,
        data=data,
        opening=opening,
        rows_needed=rows_plan(asked, data.splits.get("test", 0), opening=opening, smallest_class=smallest),
        market=market.notes,
        times=times,
    )


def _read(brief: Brief, say: Reporter, run: Run) -> tuple[DataPreview, MarketView]:
    """Data and survey; their mistakes and those of the backbones' names are told together."""
    problems: list[Problem] = []
    try:
        check_backbones(brief)
    except BriefError as error:
        problems += error.problems
    data: DataPreview | None = None
    market: MarketView | None = None
    try:
        data = inspect(brief, progress=say)
    except InputError as error:
        problems += error.problems
    try:
        market = research(brief, None, run=run)
    except InputError as error:
        problems += error.problems
    if problems or data is None or market is None:
        raise InputError(problems)
    return data, market


def _next_opening(brief: Brief, root: Path, url: str | None) -> int:
    if url is None and not (root / "ledger.sqlite").is_file():
        return 1
    store = Ledger.beside(root, url=url)
    try:
        return store.openings(brief.product) + 1
    finally:
        store.close()
