"""The market: what buyers trade off, what that is worth in money, who competes, what people say of examples."""

from __future__ import annotations

from marketfit.records.market import ChoiceStudy, MarketView, Opinions
from marketfit.report import figures
from marketfit.report.blocks import (
    Block,
    Cell,
    Fact,
    Facts,
    Heading,
    Section,
    Table,
    Text,
    bullets,
    row,
    table,
    whole,
)
from marketfit.report.charts.dots import Axis, Dot, dots
from marketfit.report.charts.draw import chart
from marketfit.report.sections.data import lines_of
from marketfit.report.sections.findings import finding_blocks
from marketfit.workspace import Workspace

_TWO_SIDED = 1.959964  # 97.5 % quantile of the normal distribution
_DRAWN = 25


def market_section(market: MarketView, *, workspace: Workspace) -> Section:
    """What is known of the market, and how well."""
    blocks: list[Block] = []
    if market.choice is not None:
        blocks += _study(market.choice)
    blocks += _competitors(market)
    if market.opinions is not None:
        blocks += _opinions(market.opinions, workspace)
    for finding in market.findings:
        blocks += finding_blocks(finding)
    blocks += bullets("Notes on the market", market.notes)
    simulated = any(part is not None and part.simulated for part in (market.choice, market.opinions, *market.findings))
    return Section("market", "Market", _lead(market), tuple(blocks), simulated=simulated)


def _lead(market: MarketView) -> str:
    if market.choice is None and market.opinions is None and not market.competitors:
        return "Nobody was asked and no competitor is named: the decision rests on measurements and weights alone."
    parts = []
    if market.choice is not None:
        people = figures.counted(market.choice.respondents, "respondent")
        parts.append(f"{people} made {figures.counted(market.choice.tasks, 'choice')} among offers")
    if market.competitors:
        parts.append(f"{figures.counted(len(market.competitors), 'competitor')} named")
    if market.opinions is not None:
        items = figures.counted(market.opinions.items, "example")
        parts.append(f"{figures.counted(market.opinions.answers, 'opinion')} on {items}")
    return f"{'; '.join(parts)}."


def _study(study: ChoiceStudy) -> list[Block]:
    made = " (simulated)" if study.simulated else ""
    fit = 1 - study.log_likelihood / study.log_likelihood_null if study.log_likelihood_null else None
    people = f"n = {figures.counted(study.respondents, 'respondent')}{', simulated' if study.simulated else ''}"
    facts = (
        Fact("Respondents", figures.count(study.respondents), f"a count{made}"),
        Fact("Choices", figures.count(study.tasks), f"a count{made}"),
        Fact("McFadden R²", figures.number(fit, digits=3), f"{people}; no interval"),
        Fact("Log-likelihood", figures.number(study.log_likelihood, digits=5), f"{people}; no interval"),
    )
    blocks: list[Block] = [Heading("What buyers trade off", study.simulated), Facts(facts), *_worths(study, people)]
    if not study.willingness_to_pay:
        blocks.append(Text("Nothing is expressed in money: see the notes on the market.", "quiet"))
    return blocks


def _worths(study: ChoiceStudy, people: str) -> list[Block]:
    """Utilities of steps between tested levels: they have one unit, whatever the attributes are measured in."""
    shown = []
    for worth in study.part_worths:
        error = None if worth.standard_error is None else _TWO_SIDED * abs(worth.factor) * worth.standard_error
        value = worth.value * worth.factor
        ends = (None, None) if error is None else (value - error, value + error)
        shown.append(Dot(worth.step, value, *ends))
    rows = [
        row(
            dot.name,
            figures.number(dot.value),
            "held at 0 by its sign" if dot.low is None else figures.between(dot.low, dot.high),
            str(study.respondents),
        )
        for dot in shown
    ]
    caption = f"Part-worths: utility of a step between two tested levels, with two-sided 95 % intervals ({people})"
    note = "Every step is worth its utility on its own: one that adds 1 multiplies the odds of being chosen by 2.7."
    data = table(caption, ("Step", "#Part-worth", "#Interval", "#n"), rows, note=note)
    if not shown:
        return [data]
    alt_text = "What moves choices: " + ", ".join(f"{dot.name} {dot.value:+.2f}" for dot in shown)
    axis = Axis("utility of the step, with 95 % interval", marks=(0.0,), zero=True)
    return [
        chart("What moves choices", alt_text, dots(shown[:_DRAWN], axis), data=data, simulated=study.simulated,
              opened=True)
    ]  # fmt: skip


def _competitors(market: MarketView) -> list[Block]:
    if not market.competitors:
        return []
    names = list(dict.fromkeys(name for offer in market.competitors for name in offer.attributes))
    rows = [row(offer.name, *(_value(offer.attributes.get(name)) for name in names)) for offer in market.competitors]
    note = "As the brief's table gives them: neither n nor interval is known."
    return [Heading("Competitors"), whole("Named offers", ("Offer", *names), rows, note=note)]


def _value(value: float | str | None) -> str:
    return value if isinstance(value, str) else figures.number(value)


def _opinions(opinions: Opinions, workspace: Workspace) -> list[Block]:
    made = " (simulated)" if opinions.simulated else ""
    facts = (
        Fact("Examples asked about", figures.count(opinions.items), f"a count{made}"),
        Fact("Answers", figures.count(opinions.answers), f"a count{made}"),
        Fact(
            "Answers expected to be right",
            figures.percent(opinions.mean_reliability),
            f"n = {figures.counted(opinions.answers, 'answer')}{made}; no interval",
        ),
        Fact("Method", opinions.method or "not said", "Dawid–Skene" + ("" if opinions.converged else ", not settled")),
    )
    blocks: list[Block] = [Heading("Opinions on single examples", opinions.simulated), Facts(facts)]
    if opinions.unreliable:
        blocks += bullets("Respondents whose opinions hardly count", opinions.unreliable)
    if opinions.reliability is not None:
        blocks.append(_people(opinions, workspace))
    return blocks


def _people(opinions: Opinions, workspace: Workspace) -> Table:
    assert opinions.reliability is not None
    lines = lines_of(opinions.reliability, workspace)
    lines.sort(key=lambda line: (float(line["reliability"] or 0.0), str(line["respondent"])))
    bad = set(opinions.unreliable)
    rows = [
        row(
            str(line["respondent"]),
            figures.percent(float(line["reliability"] or 0.0)),
            figures.percent_between(float(line["low"] or 0.0), float(line["high"] or 0.0)),
            str(line["answers"]),
            *([_note(str(line["respondent"]) in bad)] if bad else []),
        )
        for line in lines
    ]
    made = ", simulated" if opinions.simulated else ""
    caption = f"Reliability of respondents, the lowest first (one-sided 95 % bounds{made})"
    head = ("Respondent", "#Reliability", "#Bounds", "#n answers", *(["Note"] if bad else []))
    return whole(caption, head, rows)


def _note(unreliable: bool) -> Cell:
    return Cell("hardly counts", "warn", badge=True) if unreliable else Cell("")
