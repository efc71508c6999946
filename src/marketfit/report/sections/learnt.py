"""What users taught this turn, and what became of the challenger."""

from __future__ import annotations

from marketfit.contract import Contract
from marketfit.measure.intervals import clopper_pearson
from marketfit.records.data import FeedbackBatch
from marketfit.records.decision import Comparison, Promotion, TestComparison
from marketfit.report import figures
from marketfit.report.blocks import Block, Cell, Fact, Facts, Heading, Section, Table, Text, Tone, bullets, row, table
from marketfit.report.sections.contract import contract_table
from marketfit.report.story import Story

_ROWS, _SLICES = 30, 20
_TONES: dict[str, Tone] = {"promoted": "good", "kept": "bad", "insufficient evidence": "warn"}


def promotion_section(story: Story, promotion: Promotion) -> Section:
    """The verdict on the challenger with all the evidence."""
    blocks: list[Block] = [Text(figures.sentence(promotion.reason), _TONES.get(promotion.status, ""))]
    if promotion.comparison is not None:
        blocks += _audit(promotion.comparison)
    else:
        blocks.append(Text("The two were not compared on audited traffic.", "quiet"))
    if promotion.test is not None:
        blocks += _test(promotion.test)
    else:
        blocks.append(Text("The two were not compared on the locked test.", "quiet"))
    if promotion.contract is not None and _differs(promotion.contract, story.settlement.contract):
        opening = story.settlement.opening
        blocks.append(contract_table(promotion.contract, opening=opening, caption="Contract that the verdict rests on"))
    names = f"Champion {promotion.champion[:16] or 'none'}…, challenger {promotion.challenger[:16] or 'none'}"
    blocks.append(Text(f"{names}{'…' if promotion.challenger else ''} (digests of the bundles).", "quiet"))
    simulated = promotion.comparison is not None and promotion.comparison.simulated > 0
    return Section("promotion", "Champion and challenger", f"Verdict: {promotion.status}.", tuple(blocks), simulated)


def _differs(one: Contract, other: Contract) -> bool:
    return one != other


def _audit(seen: Comparison) -> list[Block]:
    made = f" ({seen.simulated:,} simulated)" if seen.simulated else ""
    n = f"{seen.pairs:,}{made}"
    lines = [
        row("Champion", *_right(seen.champion_right, seen.pairs), figures.count(seen.only_champion), n),
        row("Challenger", *_right(seen.challenger_right, seen.pairs), figures.count(seen.only_challenger), n),
    ]
    head = ("Bundle", "#Right", "#Share and 95 % interval", "#Right alone", "#n pairs")
    left = (
        f" {figures.counted(seen.excluded, 'pair')} not counted: their inputs are training rows."
        if seen.excluded
        else ""
    )
    facts = (
        Fact(
            "e-value: challenger is better", figures.number(seen.e_better), f"20 promotes; n = {n} pairs; no interval"
        ),
        Fact("e-value: challenger does harm", figures.number(seen.e_harm), f"20 stops it; n = {n} pairs; no interval"),
    )
    note = f"A uniform random sample of traffic; e-values may be looked at any time.{left}"
    return [
        Heading("On audited traffic", seen.simulated > 0),
        Facts(facts),
        table("Both bundles on the same inputs", head, lines, note=note),
    ]


def _right(right: int, pairs: int) -> tuple[str, str | Cell]:
    if not pairs:
        return figures.count(right), Cell(figures.MISSING, below="no pairs yet")
    bounds = clopper_pearson(right, pairs, confidence=0.975)
    reach = figures.percent_between(bounds.low, bounds.high)
    return figures.count(right), Cell(figures.percent(bounds.value), below=reach)


def _test(test: TestComparison) -> list[Block]:
    sides = f"one-sided bounds at {figures.confidence(1 - test.level)}"
    lines = [
        row(
            "Challenger minus champion",
            Cell(_points(test.difference), below=f"{_points(test.low)} to {_points(test.high)}"),
            figures.count(test.only_challenger),
            figures.count(test.only_champion),
            figures.count(test.rows),
        )
    ]
    head = (
        "Difference in accuracy",
        "#Points and interval",
        "#Only challenger right",
        "#Only champion right",
        "#n rows",
    )
    note = f"Paired, {sides}; the lower bound has to lie above −1 point."
    return [Heading("On the locked test"), table("Both bundles on the same rows", head, lines, note=note)]


def _points(difference: float) -> str:
    return f"{100 * difference:+.2f}".replace("-", "−")


def learnt_section(batch: FeedbackBatch) -> Section:
    """The feedback that went into this turn."""
    blocks: list[Block] = [Facts(tuple(_thumbs(batch))), *_rows(batch)]
    blocks += _slices(batch)
    blocks += bullets("Proposals for the person who decides", batch.proposals)
    lead = f"{figures.counted(len(batch.rows), 'row')} from users went into training, none into the test."
    return Section("learnt", "What was learnt from users", lead, tuple(blocks))


def _thumbs(batch: FeedbackBatch) -> list[Fact]:
    origins = ("correction", "example", "audit")
    facts = [
        Fact(f"From {'an' if origin[0] in 'ae' else 'a'} {origin}", figures.count(number), "rows, a count")
        for origin in origins
        if (number := sum(one.origin == origin for one in batch.rows))
    ]
    total = batch.thumbs_up + batch.thumbs_down
    if not total:
        return [*facts, Fact("Thumbs", "none", "n = 0")]
    bounds = clopper_pearson(batch.thumbs_up, total, confidence=0.975)
    reach = f"95 % interval {figures.percent_between(bounds.low, bounds.high)}; n = {total:,}, no random sample"
    return [*facts, Fact("Thumbs that are up", figures.percent(bounds.value), reach)]


def _rows(batch: FeedbackBatch) -> list[Table]:
    if not batch.rows:
        return []
    rows = [row(one.event, Cell(_short(str(one.input))), one.label, one.origin) for one in batch.rows[:_ROWS]]
    return [table("Rows from users", ("Event", "~Input", "Label", "Origin"), rows, total=len(batch.rows))]


def _slices(batch: FeedbackBatch) -> list[Table]:
    if not batch.slices:
        return []
    rows = [
        row(
            one.description,
            Cell(figures.percent(one.failures / one.rows if one.rows else None),
                 below=figures.percent_between(one.low, one.high)),
            figures.count(one.failures),
            figures.count(one.rows),
            "; ".join(_short(text) for text in one.examples),
        )
        for one in batch.slices[:_SLICES]
    ]  # fmt: skip
    head = ("Part of the traffic", "#Judged wrong", "#Wrong", "#n judged", "~Examples")
    note = (
        "Complaints are a biased sample: they propose rows, they decide nothing. Intervals are widened for the search."
    )
    return [table("Parts that fail more than the rest", head, rows, total=len(batch.slices), note=note)]


def _short(text: str) -> str:
    return text if len(text) <= 160 else text[:159] + "…"
