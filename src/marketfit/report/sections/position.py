"""The decision: which variant at which price, against whom, and how sure that is."""

from __future__ import annotations

from marketfit.contract import METRICS
from marketfit.records.decision import Decision, Standing
from marketfit.report import figures
from marketfit.report.blocks import Block, Cell, Fact, Facts, Row, Section, Table, Text, bullets, row, table
from marketfit.report.charts.curves import At, Axes, curve
from marketfit.report.charts.dots import Axis, Dot, dots
from marketfit.report.charts.draw import chart
from marketfit.report.story import Story

_LISTED, _DRAWN = 40, 25


def position_section(story: Story) -> Section:
    """The winner, its shares, its prices, and every pair that it was held against."""
    decision = story.decision
    blocks: list[Block] = [Facts(tuple(_facts(story)))] if decision.winner is not None else _refusal(decision)
    blocks += [*_shares(story), *_prices(story), *_standings(story)]
    blocks += bullets("Notes on the decision", decision.notes)
    return Section("position", "Position", _lead(decision), tuple(blocks), simulated=story.simulated_survey)


def _lead(decision: Decision) -> str:
    pairs = figures.counted(len(decision.standings), "pair of variant and offer", "pairs of variant and offer")
    if decision.winner is None:
        return f"Among {pairs} there is none that could be expected to keep the contract."
    at = "" if decision.price is None else f" at a price of {decision.price:g}"
    return f"Among {pairs}, {decision.winner}{at} has the highest expected {_goal(decision)}."


def _goal(decision: Decision) -> str:
    return METRICS[decision.goal].title.lower() if decision.goal in METRICS else decision.goal


def _facts(story: Story) -> list[Fact]:
    decision, chosen = story.decision, _chosen(story.decision)
    people = _people(story)
    chance = figures.percent(decision.probability_best)
    facts = [
        Fact("Probability that it is best", chance, "over joint draws of demand and measurement; no interval"),
        Fact("Expected regret", figures.number(decision.expected_regret), f"in {_goal(decision)}; no interval"),
    ]
    if chosen is not None:
        facts.insert(0, _fact(f"Expected {_goal(decision)}", chosen, people))
        said = "estimated from valid rows and fresh processes; no interval"
        facts.append(Fact("Probability of a kept contract", figures.percent(chosen.probability_kept), said))
    return facts


def _fact(name: str, chosen: Standing, people: str) -> Fact:
    reach = figures.between(chosen.value_low, chosen.value_high)
    return Fact(name, figures.number(chosen.value), f"95 % interval {reach}; {people}")


def _people(story: Story) -> str:
    """The n behind shares and profits."""
    choice = story.market.choice
    if choice is None:
        return f"n = {story.dataset.splits.get('valid', 0):,} valid rows"
    return f"n = {choice.respondents:,} respondents{', simulated' if choice.simulated else ''}"


def _chosen(decision: Decision) -> Standing | None:
    same = [one for one in decision.standings if one.variant == decision.winner and one.price == decision.price]
    return max(same, key=lambda one: one.probability_best, default=None)


def _refusal(decision: Decision) -> list[Block]:
    binding = f"Binding requirement: {decision.binding}." if decision.binding else "No requirement is binding alone."
    nearest = f" The nearest variant is {decision.nearest}." if decision.nearest else ""
    return [Text(binding + nearest, "warn")]


def _shares(story: Story) -> list[Block]:
    decision, chosen = story.decision, _chosen(story.decision)
    if not decision.shares:
        return []
    shown, rows = [], []
    for name, share in sorted(decision.shares.items(), key=lambda item: -item[1]):
        ours = name == story.product and chosen is not None
        low, high = (chosen.share_low, chosen.share_high) if ours and chosen is not None else (None, None)
        shown.append(Dot(name, share, low, high, strong=ours))
        n = str(story.market.choice.respondents) if story.market.choice else figures.MISSING
        rows.append(row(name, figures.percent(share), figures.percent_between(low, high), n, strong=ours))
    people = _people(story)
    caption = f"Predicted shares of all offers ({people}); 95 % interval of ours, none was kept for the others"
    data = table(caption, ("Offer", "#Share", "#Interval", "#n"), rows, most=_LISTED)
    alt_text = "Predicted shares: " + ", ".join(f"{dot.name} {figures.percent(dot.value)}" for dot in shown)
    at = "" if decision.price is None else f" at our price of {decision.price:g}"
    drawing = dots(shown[:_DRAWN], Axis("predicted share of choices", ".0%"), bars=True)
    title = f"How the market would be shared{at}"
    return [chart(title, alt_text, drawing, data=data, simulated=story.simulated_survey, opened=True)]


def _prices(story: Story) -> list[Block]:
    decision = story.decision
    lines = sorted(
        (one for one in decision.standings if one.variant == decision.winner and one.price is not None),
        key=lambda one: one.price or 0.0,
    )
    if len({one.price for one in lines}) < 2:
        return []
    rows = [
        row(
            figures.number(one.price),
            Cell(figures.percent(one.share), below=figures.percent_between(one.share_low, one.share_high)),
            Cell(figures.number(one.value), below=figures.between(one.value_low, one.value_high)),
            figures.percent(one.probability_best),
            strong=one.price == decision.price,
        )
        for one in lines
    ]
    caption = f"The winner at each price ({_people(story)}); below each value its 95 % interval"
    data = table(caption, ("Price", "#Share", f"#{_goal(decision).capitalize()}", "#Probability best"), rows)
    axes = Axes("price", f"expected {_goal(decision)}", "~g", "~s")
    value = _points(decision, lines, share=False)
    blocks: list[Block] = []
    if value:
        alt_text = f"Expected {_goal(decision)} by price: " + ", ".join(f"{at.x:g}: {at.value:.4g}" for at in value)
        title = f"Expected {_goal(decision)} at each price; the ring is the price that was chosen"
        blocks.append(
            chart(title, alt_text, curve(value, axes), data=data, simulated=story.simulated_survey, opened=True)
        )
    share = _points(decision, lines, share=True)
    if share and decision.goal != "share":
        alt_text = "Predicted share by price: " + ", ".join(f"{at.x:g}: {figures.percent(at.value)}" for at in share)
        drawing = curve(share, Axes("price", "predicted share", "~g", ".0%"))
        title = "Predicted share at each price"
        blocks.append(chart(title, alt_text, drawing, data=None if value else data, simulated=story.simulated_survey))
    return blocks


def _points(decision: Decision, lines: list[Standing], *, share: bool) -> list[At]:
    found = []
    for one in lines:
        value, low, high = (
            (one.share, one.share_low, one.share_high) if share else (one.value, one.value_low, one.value_high)
        )
        if value is not None and low is not None and high is not None and one.price is not None:
            told = f"price {one.price:g}: {value:.4g} ({low:.4g} to {high:.4g})"
            found.append(At(one.price, value, low, high, told, strong=one.price == decision.price))
    return found


def _standings(story: Story) -> list[Block]:
    decision = story.decision
    ranked = sorted(decision.standings, key=lambda one: (not one.feasible, -one.probability_best))
    if not ranked:
        return [Text("No pair of variant and offer was compared.", "quiet")]
    listed = _table(story, ranked)
    drawn = [one for one in ranked if one.feasible and one.value is not None][:_DRAWN]
    if not drawn:
        return [listed]
    shown = [
        Dot(_name(one), one.value or 0.0, one.value_low, one.value_high, strong=_is_chosen(one, decision))
        for one in drawn
    ]
    alt_text = f"Expected {_goal(decision)}: " + ", ".join(f"{dot.name} {dot.value:.4g}" for dot in shown)
    title = f"Expected {_goal(decision)} of the pairs that can ship, with 95 % intervals"
    axis = Axis(f"expected {_goal(decision)}", "~s" if max(abs(dot.value) for dot in shown) >= 1000 else "")
    return [chart(title, alt_text, dots(shown, axis), data=listed, simulated=story.simulated_survey, opened=True)]


def _name(one: Standing) -> str:
    return one.variant if one.price is None else f"{one.variant} at {one.price:g}"


def _is_chosen(one: Standing, decision: Decision) -> bool:
    return one.variant == decision.winner and one.price == decision.price


def _table(story: Story, ranked: list[Standing]) -> Table:
    decision = story.decision
    head = (
        "Variant",
        "#Price",
        "#Share",
        f"#{_goal(decision).capitalize()}",
        "#Kept",
        "#Best",
        "~Offer and reason",
    )
    note = (
        f"{_people(story)}; below each value its 95 % interval. Kept: probability that the contract will be met on the "
        "locked test. Best: probability of the highest goal. Neither has an interval. What can't ship is grey."
    )
    rows = [_row(one, decision) for one in ranked]
    return table("Every pair of variant and offer, likeliest to be best first", head, rows, most=_LISTED, note=note)


def _row(one: Standing, decision: Decision) -> Row:
    return row(
        one.variant,
        figures.number(one.price),
        Cell(figures.percent(one.share), below=figures.percent_between(one.share_low, one.share_high)),
        Cell(figures.number(one.value), below=figures.between(one.value_low, one.value_high)),
        figures.percent(one.probability_kept),
        figures.percent(one.probability_best),
        one.reason,
        strong=_is_chosen(one, decision),
        quiet=not one.feasible,
    )
