"""From a story to one HTML page."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from marketfit.records.market import MarketView
from marketfit.report import figures
from marketfit.report.blocks import Fact, Section, Tone
from marketfit.report.sections import sections
from marketfit.report.sections.market import market_section
from marketfit.report.story import Story
from marketfit.workspace import Workspace


@dataclass(frozen=True)
class Head:
    """The top of the page: what became of the run, in one sentence and a few figures; where it comes from."""

    product: str
    kicker: str
    origin: str
    status: str
    tone: Tone
    sentence: str
    facts: tuple[Fact, ...]
    simulated: str


def render(story: Story, *, workspace: Workspace) -> str:
    """The page of a run as text.

    Raises:
        RunError: the workspace lacks a blob of the story.
    """
    return _page(_head(story), sections(story, workspace=workspace))


def render_market(view: MarketView, head: Head, *, workspace: Workspace) -> str:
    """The page of market research alone, as text."""
    return _page(head, [market_section(view, workspace=workspace)])


def _page(head: Head, parts: Iterable[Section]) -> str:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    pages = Environment(
        loader=PackageLoader("marketfit.report"),
        autoescape=True,  # labels, inputs and offers are other people's words
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return pages.get_template("report.html.j2").render(head=head, sections=tuple(parts))


def _head(story: Story) -> Head:
    shipped = story.settlement.status == "shipped"
    return Head(
        product=story.product,
        kicker=f"marketfit {story.command} · {story.task} · {story.created}",
        origin=f"{story.brief_file}, seed {story.seed}",
        status=story.settlement.status,
        tone="good" if shipped else "bad",
        sentence=_sentence(story),
        facts=tuple(_facts(story)),
        simulated=_simulated(story),
    )


def _sentence(story: Story) -> str:
    winner, price = story.decision.winner, story.decision.price
    at = "" if price is None else f" at a price of {price:g}"
    if story.settlement.status == "shipped":
        service = "and is in service" if story.champion else "and waits: another bundle is in service"
        return f"{winner}{at} keeps every promise, was chosen for {story.decision.goal}, {service}."
    if winner is None:
        binding = f" Nothing meets {story.decision.binding}" if story.decision.binding else ""
        nearest = f"; {story.decision.nearest} comes nearest" if story.decision.nearest else ""
        return f"Nothing ships: no variant was fit to be put to the locked test.{binding}{nearest}{'.' * bool(binding)}"
    return f"Nothing ships: {winner}{at} was chosen, and its contract is not kept."


def _facts(story: Story) -> list[Fact]:
    decision = story.decision
    facts = []
    if decision.winner is not None:
        probability = figures.percent(decision.probability_best)
        facts.append(
            Fact("Probability of being best", probability, "before the locked test, over joint draws; no interval")
        )
        facts.append(
            Fact("Expected regret", figures.number(decision.expected_regret), f"in {decision.goal}; no interval")
        )
    clauses = story.settlement.contract.clauses
    met = sum(clause.verdict == "met" for clause in clauses)
    facts.append(Fact("Promises kept", f"{met} of {len(clauses)}", "details below"))
    facts.append(Fact("Time", figures.duration(sum(story.seconds.values())), "all steps, timed once; no interval"))
    return facts


def _simulated(story: Story) -> str:
    parts = ["the choice survey"] if story.simulated_survey else []
    parts += ["the opinions on single examples"] if story.simulated_opinions else []
    compared = story.promotion.comparison if story.promotion else None
    parts += [f"{compared.simulated:,} of {compared.pairs:,} audited pairs"] if compared and compared.simulated else []
    if not parts:
        return ""
    words = parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
    return f"{words[0].upper()}{words[1:]} were made by a program, not by people. What rests on them says so."
