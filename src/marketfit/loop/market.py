"""Market research by itself, without any model: its report."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

from marketfit import engine
from marketfit.brief import MarketBrief
from marketfit.engine import Reporter, Run
from marketfit.loop.place import loaded_market, workspace_of
from marketfit.loop.turn import now
from marketfit.records.base import Record
from marketfit.records.findings import Finding
from marketfit.records.market import MarketView
from marketfit.research import research
from marketfit.workspace import write_atomic


class MarketReport(Record):
    """Where the market report lies, and what it found in words."""

    product: str
    report: str
    simulated: bool
    view: MarketView

    def as_text(self) -> str:
        """For a terminal."""
        made = " (SIMULATED answers)" if self.simulated else ""
        titles = [_titled(finding) for finding in self.view.findings]
        return "\n".join([f"{self.product}: {self.report}{made}", *titles, *self.view.notes])


def _titled(finding: Finding) -> str:
    """The title with n, where people were asked: a table of offers asks nobody."""
    return f"  {finding.title}: n = {finding.respondents}" if finding.respondents else f"  {finding.title}"


def report_market(
    brief: MarketBrief | Path | str,
    *,
    workspace: Path | str | None = None,
    reporter: Reporter | None = None,
    ledger: str | None = None,
) -> MarketReport:
    """Estimate the market and write its report; nothing is trained.

    Raises:
        InputError: everything that is wrong with the brief and the survey files, at once.
    """
    from marketfit.report.page import Head, render_market

    asked = loaded_market(brief)
    with market_run(asked, workspace, reporter, ledger, "survey report") as run:
        view = research(asked, None, run=run)
        simulated = asked.market.simulated
        head = Head(
            product=asked.product,
            kicker=f"marketfit survey report · {now()}",
            origin=f"{asked.path.name}, seed {asked.seed}",
            status="",
            tone="",
            sentence="What the market says, before anything is trained.",
            facts=(),
            simulated="The answers were made by a program, not by people." if simulated else "",
        )
        page = render_market(view, head, workspace=run.workspace)
        path = run.workspace.root / "runs" / run.id / "market.html"
        write_atomic(path, page.encode("utf-8"))
        return MarketReport(product=asked.product, report=str(path), simulated=simulated, view=view)


def market_run(
    brief: MarketBrief, workspace: Path | str | None, reporter: Reporter | None, ledger: str | None, command: str
) -> AbstractContextManager[Run]:
    """A run of market research alone, in the workspace that was named or the brief's own."""
    place = workspace_of(brief, workspace)
    return engine.start(brief, workspace=place, command=command, reporter=reporter, ledger_url=ledger)
