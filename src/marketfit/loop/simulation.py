"""The market simulator: shares of offers on the estimated demand, what a change does, lines, and rivals who answer."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from marketfit.brief import MarketBrief, MarketSpec
from marketfit.demand import Change, Shares, WhatIf, simulate, what_if
from marketfit.engine import Reporter, Run
from marketfit.errors import InputError, Problem, nearest
from marketfit.loop.market import market_run
from marketfit.loop.place import loaded_market
from marketfit.measure.tastes import draws_of
from marketfit.records.base import Record
from marketfit.records.findings import Finding
from marketfit.report.text import aligned, describe_finding
from marketfit.research import research
from marketfit.research.study.changes import worth_words
from marketfit.research.study.line import line_finding
from marketfit.research.study.offer import clamped_notes
from marketfit.research.study.reaction import no_game, reaction_finding
from marketfit.research.study.stage import Stage, set_stage

Values = Mapping[str, Sequence[float | str]]


class MarketQuestion(Record):
    """What to ask of the simulated market.

    changes: such as `price=3` for our offer, or `RIVAL.price=3`: shares before and after. availability: `OFFER=0.6`,
    the share of people who can get an offer. line: search the best lines of up to so many of our possible offers, which
    are those of the brief, or for an attribute of `offered` (`privacy=cloud,on-device`) the values there. react: what
    rivals answer, and whether our price survives it. Lines and answers are played after the changes.
    """

    changes: tuple[str, ...] = ()
    availability: tuple[str, ...] = ()
    offered: tuple[str, ...] = ()
    line: int | None = None
    react: bool = False


class SharedOffer(Record):
    """The predicted share of one offer, with its 95 % interval.

    before, change: the share before the changes that were asked about, and what they add, with the interval of the
    difference; None where none were.
    """

    offer: str
    share: float
    low: float | None
    high: float | None
    before: float | None = None
    change: float | None = None
    change_low: float | None = None
    change_high: float | None = None


class SimulatedMarket(Record):
    """Shares of offers that compete; `notes` say what was assumed or clamped. n: respondents.

    findings: the product lines and the rivals' answer, where they were asked for.
    """

    product: str
    offers: tuple[SharedOffer, ...]
    n: int
    simulated: bool
    notes: tuple[str, ...]
    findings: tuple[Finding, ...] = ()

    def as_text(self) -> str:
        """For a terminal."""
        changed = any(one.before is not None for one in self.offers)
        rows = [("offer", "share", "95 % interval", *(("before", "change", "95 % interval") if changed else ()))]
        rows += [(*_share_cells(one), *(_change_cells(one) if changed else ())) for one in self.offers]
        made = ", SIMULATED answers" if self.simulated else ""
        parts = [aligned(rows), f"n = {self.n} respondents{made}", *self.notes]
        for finding in self.findings:
            parts += ["", describe_finding(finding)]
        return "\n".join(parts)


def simulate_market(
    brief: MarketBrief | Path | str,
    *,
    question: MarketQuestion | None = None,
    workspace: Path | str | None = None,
    reporter: Reporter | None = None,
    ledger: str | None = None,
) -> SimulatedMarket:
    """Shares of our offer as promised, the competitors and none, on the demand that the choice survey gives.

    question: what to change, and what else to look for.

    Raises:
        InputError: no choice survey, a change that names nothing, a value that was not tested, or rivals who are to
            answer and can't.
    """
    asked = loaded_market(brief)
    with market_run(asked, workspace, reporter, ledger, "survey simulate") as run:
        view = research(asked, None, run=run)
        if view.choice is None:
            found, do = "there is no choice survey", "market.choices: FILE"
            raise InputError([Problem(str(asked.path), found, "answers to simulate by", do)])
        asking = question or MarketQuestion()
        problems: list[Problem] = []
        names = (asked.product, *(one.name for one in view.competitors))
        reach = _availability(names, asking.availability, problems)  # first: which price earns most depends on it
        before = set_stage(asked, draws_of(view.choice, run.workspace), view.competitors, availability=reach)
        wanted, values = _asked(before, asking, problems)
        shares, rows = _shares(before, wanted)
        after = _changed(before, wanted)
        findings = _played(after, values, asking, tasks=view.choice.tasks, run=run)
        notes = [f"Our offer: {', '.join(before.assumed)}."] if before.assumed else []
        return SimulatedMarket(
            product=asked.product,
            offers=rows,
            n=shares.sample_size,
            simulated=asked.market.simulated,
            notes=(*notes, *clamped_notes(shares.extrapolated), *worth_words(before, wanted)),
            findings=findings,
        )


def _asked(stage: Stage, asking: MarketQuestion, problems: list[Problem]) -> tuple[list[Change], Values]:
    """What the options say, checked together with the others: changes, and what we could offer."""
    wanted = _changes(stage, asking.changes, problems)
    values = _offered(stage.market) | _values(stage, asking.offered, problems)
    values |= {one.attribute: (one.value,) for one in wanted if one.offer == stage.product}
    if asking.offered and asking.line is None:
        problems.append(Problem("--offer", "is given without --line", "--line COUNT", "add it, or use --set"))
    if asking.line is not None and stage.product in stage.demand.availability:
        found = "our own offer has an availability"
        problems.append(Problem("--line", found, "availability of rivals only", "drop one of the two"))
    if asking.react and (why := no_game(_changed(stage, wanted))):
        found = f"rivals can't answer: {why}"
        problems.append(Problem("--react", found, "a game of prices", "add it to the brief, or leave --react out"))
    if problems:
        raise InputError(problems)
    return wanted, values


def _shares(stage: Stage, changes: Sequence[Change]) -> tuple[Shares, tuple[SharedOffer, ...]]:
    """Shares after the changes, on the same draws as those before."""
    if not changes:
        shares = simulate(stage.demand, stage.offers)
        return shares, tuple(_row(shares, place) for place in range(len(shares.offers)))
    found = what_if(stage.demand, stage.offers, changes=changes)
    return found.after, tuple(_changed_row(found, place) for place in range(len(found.after.offers)))


def _row(shares: Shares, place: int) -> SharedOffer:
    return SharedOffer(
        offer=shares.offers[place],
        share=float(shares.share[place]),
        low=_end(shares.low[place]),
        high=_end(shares.high[place]),
    )


def _changed_row(found: WhatIf, place: int) -> SharedOffer:
    told = {
        "before": float(found.before.share[place]),
        "change": float(found.difference[place]),
        "change_low": _end(found.difference_low[place]),
        "change_high": _end(found.difference_high[place]),
    }
    return _row(found.after, place).model_copy(update=told)


def _changed(stage: Stage, changes: Sequence[Change]) -> Stage:
    offers = {name: dict(offer) for name, offer in stage.offers.items()}
    for change in changes:
        offers[change.offer][change.attribute] = change.value
    return replace(stage, offers=offers)


def _played(stage: Stage, values: Values, asking: MarketQuestion, *, tasks: int, run: Run) -> tuple[Finding, ...]:
    """The line search and the rivals' answer, as far as they were asked for."""
    findings: list[Finding] = []
    if asking.line is not None:
        with run.reporter.task("product lines") as progress:
            findings.append(line_finding(stage, size=asking.line, offered=values, tasks=tasks, progress=progress))
    if asking.react:
        with run.reporter.task("price competition") as progress:
            found, _ = reaction_finding(stage, tasks=tasks, progress=progress)
        findings += [found] if found else []
    return tuple(findings)


def _changes(stage: Stage, given: Sequence[str], problems: list[Problem]) -> list[Change]:
    wanted: list[Change] = []
    for item in given:
        name, _, value = item.partition("=")
        offer, _, attribute = name.rpartition(".")
        offer = offer or stage.product
        if not value or offer not in stage.offers or attribute not in stage.offers[offer]:
            allowed = "ATTRIBUTE=VALUE or OFFER.ATTRIBUTE=VALUE; offers: " + ", ".join(stage.offers)
            problems.append(Problem(f"--set {item}", "names nothing", allowed, "correct it"))
            continue
        wanted.append(Change(offer, attribute, _value(value)))
    return wanted


def _availability(names: Sequence[str], given: Sequence[str], problems: list[Problem]) -> dict[str, float]:
    """Offer → the share of people who can get it."""
    found: dict[str, float] = {}
    for item in given:
        name, _, value = item.rpartition("=")
        number = _value(value)
        if name not in names or isinstance(number, str):
            allowed = "OFFER=SHARE; offers: " + ", ".join(names)
            problems.append(Problem(f"--available {item}", "names nothing", allowed, "correct it"))
        elif not 0 <= number <= 1:
            problems.append(Problem(f"--available {item}", f"is {number:g}", "a share from 0 to 1", "correct it"))
        else:
            found[name] = number
    return found


def _offered(market: MarketSpec) -> dict[str, tuple[float | str, ...]]:
    """Attribute → the values that the brief offers; what is measured is as promised."""
    return {name: spec.offer for name, spec in market.attributes.items() if spec.offer}


def _values(stage: Stage, given: Sequence[str], problems: list[Problem]) -> dict[str, tuple[float | str, ...]]:
    found: dict[str, tuple[float | str, ...]] = {}
    for item in given:
        name, _, listed = item.partition("=")
        values = tuple(dict.fromkeys(_value(value.strip()) for value in listed.split(",") if value.strip()))
        if name not in stage.own or not values:
            allowed = f"ATTRIBUTE=VALUE,VALUE; {nearest(name, stage.own)}"
            problems.append(Problem(f"--offer {item}", "names nothing", allowed, "correct it"))
            continue
        found[name] = values
    return found


def _value(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def _end(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _share_cells(one: SharedOffer) -> tuple[str, str, str]:
    reach = "none" if one.low is None or one.high is None else f"{one.low:.1%} to {one.high:.1%}"
    return one.offer, f"{one.share:.1%}", reach


def _change_cells(one: SharedOffer) -> tuple[str, str, str]:
    if one.before is None or one.change is None:
        return "", "", ""
    low, high = one.change_low, one.change_high
    reach = "none" if low is None or high is None else f"{100 * low:+.1f} to {100 * high:+.1f}"
    return f"{one.before:.1%}", f"{100 * one.change:+.1f} points", reach
