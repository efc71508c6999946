"""Market research by itself, without any model: its report, and shares of offers on the estimated demand."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from marketfit import engine
from marketfit.brief import Brief
from marketfit.demand import Market, simulate
from marketfit.engine import Reporter, Run
from marketfit.errors import InputError, Problem
from marketfit.loop.place import loaded, workspace_of
from marketfit.loop.turn import now
from marketfit.measure.tastes import draws_of
from marketfit.records import MarketView, Record
from marketfit.report.text import aligned
from marketfit.research import research
from marketfit.research.study.stage import promised_offer
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
        titles = [f"  {finding.title}: n = {finding.respondents}" for finding in self.view.findings]
        return "\n".join([f"{self.product}: {self.report}{made}", *titles, *self.view.notes])


class SharedOffer(Record):
    """The predicted share of one offer, with its 95 % interval."""

    offer: str
    share: float
    low: float | None
    high: float | None


class SimulatedMarket(Record):
    """Shares of offers that compete; `notes` say what was assumed or clamped. n: respondents."""

    product: str
    offers: tuple[SharedOffer, ...]
    n: int
    simulated: bool
    notes: tuple[str, ...]

    def as_text(self) -> str:
        """For a terminal."""
        rows = [("offer", "share", "95 % interval")]
        for one in self.offers:
            reach = "none" if one.low is None or one.high is None else f"{one.low:.1%} to {one.high:.1%}"
            rows.append((one.offer, f"{one.share:.1%}", reach))
        made = ", SIMULATED answers" if self.simulated else ""
        return "\n".join([aligned(rows), f"n = {self.n} respondents{made}", *self.notes])


def report_market(
    brief: Brief | Path | str,
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

    asked = loaded(brief)
    with _run(asked, workspace, reporter, ledger, "survey report") as run:
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


def simulate_market(
    brief: Brief | Path | str,
    *,
    changes: Sequence[str] = (),
    availability: Sequence[str] = (),
    workspace: Path | str | None = None,
    reporter: Reporter | None = None,
    ledger: str | None = None,
) -> SimulatedMarket:
    """Shares of our offer as promised, the competitors and none.

    changes: such as `price=3` for our offer, or `RIVAL.price=3`; availability: `OFFER=0.6`, the share of people who can
    get an offer.

    Raises:
        InputError: no choice survey, a change that names nothing, or a value that was not tested.
    """
    asked = loaded(brief)
    with _run(asked, workspace, reporter, ledger, "survey simulate") as run:
        view = research(asked, None, run=run)
        if view.choice is None:
            found, do = "there is no choice survey", "market.choices: FILE"
            raise InputError([Problem(str(asked.path), found, "answers to simulate by", do)])
        drawn = draws_of(view.choice, run.workspace)
        own, assumed = promised_offer(asked.market, asked.require, drawn.coding)
        offers = {asked.product: dict(own)} | {one.name: dict(one.attributes) for one in view.competitors}
        _change(offers, asked.product, changes)
        reach = _availability(offers, availability)
        shares = simulate(Market(drawn, availability=reach), offers)
        notes = [f"Our offer as promised: {', '.join(assumed)}."] if assumed else []
        notes += [f"{name}: {', '.join(at)} beyond what was tested." for name, at in shares.extrapolated.items()]
        return SimulatedMarket(
            product=asked.product,
            offers=tuple(
                SharedOffer(
                    offer=name, share=float(shares.share[k]), low=_end(shares.low[k]), high=_end(shares.high[k])
                )
                for k, name in enumerate(shares.offers)
            ),
            n=shares.sample_size,
            simulated=asked.market.simulated,
            notes=tuple(notes),
        )


def _run(
    brief: Brief, workspace: Path | str | None, reporter: Reporter | None, ledger: str | None, command: str
) -> AbstractContextManager[Run]:
    place = workspace_of(brief, workspace)
    return engine.start(brief, workspace=place, command=command, reporter=reporter, ledger_url=ledger)


def _change(offers: dict[str, dict[str, float | str]], product: str, changes: Sequence[str]) -> None:
    problems = []
    for change in changes:
        name, _, value = change.partition("=")
        offer, _, attribute = name.rpartition(".")
        offer = offer or product
        if not value or offer not in offers or attribute not in offers[offer]:
            allowed = "ATTRIBUTE=VALUE or OFFER.ATTRIBUTE=VALUE; offers: " + ", ".join(offers)
            problems.append(Problem(f"--set {change}", "names nothing", allowed, "correct it"))
            continue
        offers[offer][attribute] = _value(value)
    if problems:
        raise InputError(problems)


def _availability(offers: dict[str, dict[str, float | str]], given: Sequence[str]) -> dict[str, float]:
    problems, found = [], {}
    for item in given:
        name, _, value = item.rpartition("=")
        number = _value(value)
        if name not in offers or isinstance(number, str):
            allowed = "OFFER=SHARE; offers: " + ", ".join(offers)
            problems.append(Problem(f"--available {item}", "names nothing", allowed, "correct it"))
            continue
        found[name] = number
    if problems:
        raise InputError(problems)
    return found


def _value(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def _end(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
