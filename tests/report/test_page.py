"""The page: complete, self-contained, safe against what users write, the same for the same story."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from marketfit.contract import Contract, Measurement, Requirement
from marketfit.records.data import FeedbackBatch
from marketfit.records.decision import Decision, Promotion, Settlement
from marketfit.records.market import MarketView
from marketfit.records.models import Shortlist, Tuned
from marketfit.records.variants import Variants
from marketfit.report import Story, write_report
from marketfit.workspace import Workspace

Show = Callable[[Story], str]

SECTIONS = ("contract", "data", "market", "variants", "position", "shortlist", "trials", "quality", "run")
VOID = {"meta", "br", "hr", "img", "link", "input"}


class Outline(HTMLParser):
    """Tags with their attributes, the text outside of style, and whether every tag is closed in order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.problems: list[str] = []
        self._open: list[str] = []
        self.feed(page)
        self.close()
        self.problems += [f"{tag} stays open" for tag in self._open]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open.pop() != tag:
            self.problems.append(f"</{tag}> closes nothing at {self.getpos()}")

    def handle_data(self, data: str) -> None:
        if not self._open or self._open[-1] != "style":
            self.words.append(data)

    def of(self, tag: str) -> list[dict[str, str | None]]:
        """The attributes of every tag of a kind."""
        return [attributes for name, attributes in self.tags if name == tag]

    @property
    def text(self) -> str:
        """What a reader reads, with single spaces."""
        return " ".join(" ".join(self.words).split())


@pytest.fixture(scope="session")
def refused(story: Story) -> Story:
    """A run without market in which nothing was fit for the locked test."""
    needs = [Requirement.parse(name, bound) for name, bound in (("accuracy", ">= 0.93"), ("size_mb", "<= 3"))]
    found = Measurement(metric="accuracy", value=0.944, low=0.9, high=0.97, n=90)
    return replace(
        story,
        market=MarketView(choice=None, competitors=(), opinions=None, notes=("No choice survey.",)),
        decision=Decision(
            goal="accuracy", standings=story.decision.standings[-1:], winner=None, price=None, probability_best=0.0,
            expected_regret=0.0, shares={}, binding="size_mb <= 3", nearest="minilm.t0.int8", notes=(),
        ),
        settlement=Settlement(
            status="refused", variant=None, opening=0, level=0.0, contract=Contract.of(needs, [found]), quality=None,
            reason="nothing can be expected to keep the contract",
        ),
        bundle=None,
        digest=None,
        champion=False,
    )  # fmt: skip


@pytest.fixture(scope="session")
def bare(refused: Story) -> Story:
    """A story of which nearly every part is empty."""
    return replace(
        refused,
        tuned=Tuned(trials=(), finalists=(), comparisons=(), plan=()),
        variants=Variants(variants=(), machine="", notes=()),
        models=Shortlist(candidates=(), floor_accuracy=0.5, floor_low=0.4, floor_high=0.6, floor_rows=10),
        decision=refused.decision.model_copy(update={"standings": (), "binding": "", "nearest": ""}),
        settlement=refused.settlement.model_copy(update={"contract": Contract(clauses=()), "reason": ""}),
        seconds={},
        machine="",
        notes=(),
    )


@pytest.fixture(scope="session")
def improved(story: Story, learnt: tuple[FeedbackBatch, Promotion]) -> Story:
    """A second turn."""
    batch, promotion = learnt
    return replace(story, command="improve", batch=batch, promotion=promotion)


def test_every_section_is_there_contract_first(story: Story, show: Show) -> None:
    outline = Outline(show(story))
    assert tuple(section["id"] for section in outline.of("section")) == SECTIONS
    linked = [link["href"] for link in outline.of("a")]
    assert linked == ["#contract", *(f"#{name}" for name in SECTIONS)]


def test_improve_tells_the_verdict_and_what_was_learnt(improved: Story, show: Show) -> None:
    outline = Outline(show(improved))
    names = [section["id"] for section in outline.of("section")]
    assert names == ["contract", "promotion", "learnt", *SECTIONS[1:]]
    for said in ("Verdict: promoted.", "1,893", "220 (220 simulated)", "+1.10", "play some jazz", "Thumbs that are up"):
        assert said in outline.text
    assert not outline.problems


@pytest.mark.parametrize("which", ["story", "improved", "refused", "bare"])
def test_it_is_well_formed_and_needs_nothing_from_outside(
    which: str, show: Show, request: pytest.FixtureRequest
) -> None:
    page = show(request.getfixturevalue(which))
    outline = Outline(page)
    assert outline.problems == []
    tags = {tag for tag, _ in outline.tags}
    assert not tags & {"script", "link", "iframe", "object", "embed", "img", "base", "form", "image", "use"}
    for tag, attributes in outline.tags:
        assert not {name for name in attributes if name.startswith("on")}, tag
        for name in ("src", "href", "xlink:href", "data", "action", "srcset"):
            value = attributes.get(name)
            assert value is None or value.startswith("#"), (tag, name, value)
    style = page[page.index("<style>") : page.index("</style>")]
    assert "@import" not in style
    assert "url(" not in page
    identifiers = [attributes["id"] for _, attributes in outline.tags if "id" in attributes]
    assert len(identifiers) == len(set(identifiers))


def test_what_others_wrote_is_text_and_never_markup(improved: Story, show: Show) -> None:
    page = show(improved)
    assert "<script" not in page.lower()
    assert "alert(&#39;label&#39;)" in page
    text = Outline(page).text
    for said in ("<script>alert('label')</script>", "<script>alert('input')</script> & \"quotes\""):
        assert said in text


def test_a_hostile_name_does_not_break_out_of_a_chart(bare: Story, show: Show) -> None:
    name = "\"><svg onload=alert(1)> </svg> '];datum"
    shares = {bare.product: 0.6, name: 0.4}
    page = show(replace(bare, decision=bare.decision.model_copy(update={"shares": shares})))
    assert page.count("<figure>") == 1
    outline = Outline(page)
    assert outline.problems == []
    assert not [attributes for _, attributes in outline.tags if "onload" in attributes]


def test_equal_stories_give_equal_bytes(
    story: Story, show: Show, write_anew: Callable[[Path], Path], tmp_path: Path
) -> None:
    assert write_anew(tmp_path / "report.html").read_text(encoding="utf-8") == show(story)


def test_the_counts_add_up_and_that_is_said(story: Story, show: Show) -> None:
    text = Outline(show(story)).text
    assert "The counts add up: 624 rows are accounted for" in text
    assert "in train, 20 of them from feedback 420" in text
    assert "in quarantine: near duplicate 6" in text
    assert "12 exact, 6 near" in text


def test_a_lost_row_is_told(bare: Story, show: Show) -> None:
    short = replace(bare, dataset=bare.dataset.model_copy(update={"source_rows": 630}))
    text = Outline(show(short)).text
    assert "The counts do NOT add up: 630 rows came in, 624 are told (+6)." in text


def test_simulated_answers_are_labelled_wherever_they_show(story: Story, show: Show) -> None:
    page = show(story)
    sections = {part[: part.index('"')]: part for part in page.split('<section id="')[1:]}
    for name in ("market", "position"):
        assert "SIMULATED" in sections[name]
    for name in ("contract", "data", "variants", "shortlist", "trials", "quality"):
        assert "SIMULATED" not in sections[name]
    figures = re.findall(r"<figure>.*?</figcaption>", sections["market"] + sections["position"], re.DOTALL)
    assert len(figures) == 5
    assert all("SIMULATED" in figure for figure in figures)
    assert "The choice survey and the opinions on single examples were made by a program" in page


def test_real_answers_are_not_called_simulated(story: Story, show: Show) -> None:
    choice, opinions = story.market.choice, story.market.opinions
    assert choice is not None
    assert opinions is not None
    market = story.market.model_copy(
        update={
            "choice": choice.model_copy(update={"simulated": False}),
            "opinions": opinions.model_copy(update={"simulated": False}),
        }
    )
    assert "simulated" not in Outline(show(replace(story, market=market))).text.lower()


def test_a_refusal_says_what_stands_in_the_way(refused: Story, show: Show) -> None:
    text = Outline(show(refused)).text
    assert "Nothing ships: no variant was fit to be put to the locked test." in text
    assert "Nothing meets size_mb <= 3; minilm.t0.int8 comes nearest." in text
    assert "0 of 2 requirements met: 1 unproven, 1 unmeasured." in text
    assert "more test rows (" in text
    assert "It was not measured" in text
    assert "stayed shut" in text
    assert "The locked test was not opened" in text
    assert "none was sealed" in text


def test_a_winner_that_the_locked_test_refused_is_named(bare: Story, show: Show) -> None:
    decision = bare.decision.model_copy(update={"winner": "minilm.t0.int8", "price": 4.0})
    text = Outline(show(replace(bare, decision=decision))).text
    assert "Nothing ships: minilm.t0.int8 at a price of 4 was chosen, and its contract is not kept." in text


def test_missing_parts_say_that_they_are_missing(bare: Story, show: Show) -> None:
    text = Outline(show(bare)).text
    for said in (
        "Nothing was required, so nothing is promised.",
        "Nobody was asked and no competitor is named",
        "there is no chart",
        "No pair of variant and offer was compared.",
        "No backbone was considered.",
        "No trial was completed.",
    ):
        assert said in text


def test_charts_have_words_data_and_a_size_for_phones(story: Story, show: Show) -> None:
    page = show(story)
    figures = re.findall(r"<figure>.*?</figure>", page, re.DOTALL)
    assert len(figures) == 10
    for figure in figures:
        pictures = re.findall(r"<svg [^>]*>", figure)
        assert len(pictures) == 2
        assert all('role="img"' in picture and re.search(r'aria-label="[^"]{20,}"', picture) for picture in pictures)
    widths = [int(width) for width in re.findall(r'<svg [^>]*?width="(\d+)"', page)]
    assert max(widths[1::2]) <= 352
    assert max(widths[0::2]) <= 722


def test_tables_have_captions_and_headings(improved: Story, show: Show) -> None:
    page = show(improved)
    tables = re.findall(r"<table>.*?</table>", page, re.DOTALL)
    assert len(tables) > 20
    for one in tables:
        assert re.search(r"<caption>[^<]{5,}", one)
        assert 'scope="col"' in one
        assert 'scope="row"' in one
        columns = one.count('scope="col"')
        rows = one.split("<tbody>")[1].split("<tr")[1:]
        assert all(len(re.findall(r"<t[hd][ >]", row)) == columns for row in rows)


def test_failures_are_told_with_their_reasons(story: Story, show: Show) -> None:
    text = Outline(show(story)).text
    assert "5 trials were run, 1 of them failed; 3 finalists." in text
    assert "the loss is not finite" in text
    assert "91.0 MB is far above the limit of 30 MB; it was not timed" in text
    assert "size_mb <= 30 is broken: 42.77 MB" in text
    assert "dropped: half its median latency is 20 ms" in text


def test_long_tables_are_cut_and_the_rest_is_counted(story: Story, bare: Story, show: Show) -> None:
    quality = story.settlement.quality
    assert quality is not None
    pairs = tuple((f"true {k}", f"predicted {k}", 1) for k in range(1234))
    settled = story.settlement.model_copy(update={"quality": quality.model_copy(update={"confusions": pairs})})
    page = show(replace(bare, settlement=settled))
    assert "1,204 more rows are left out here." in page
    assert "true 29" in page
    assert "true 30" not in page


def test_a_rate_has_its_interval_and_its_n(story: Story, show: Show) -> None:
    text = Outline(show(story)).text
    assert "Accuracy 0.9444 0.8751 to 0.9817 90" in text  # Clopper–Pearson of 85 of 90, two-sided at 95 %
    assert "Log-loss (nats) 0.2100 no interval 90" in text
    assert "Accuracy of the answers given 0.9877 0.9331 to 0.9997 81" in text


def test_a_broken_write_leaves_the_old_report(story: Story, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text("old")
    empty = Workspace(tmp_path / "another")
    with pytest.raises(Exception, match="missing or cut short"):
        write_report(story, path, workspace=empty)
    assert path.read_text() == "old"


def test_dark_pages_know_every_colour_of_the_charts(story: Story, show: Show) -> None:
    page = show(story)
    drawn = set(re.findall(r'(?:fill|stroke)="(#[0-9a-fA-F]{3,6})"', page))
    told = set(re.findall(r'(?:fill|stroke)="(#[0-9a-f]{6})"\]', html.unescape(page)))
    assert drawn <= told | {"#8c959f"}  # that grey can be read on both


def test_the_front_and_what_the_plan_left_out_are_told(story: Story, show: Show) -> None:
    text = Outline(show(story)).text
    assert "Beaten by no other in quality, latency, throughput, memory, size and cost together: 2, 7." in text
    assert "cannot win: 300; over budget: 300." in text
    assert "minilm.t0.half cannot win size_mb <= 30 would be 45 at best – –" in text
    assert "minilm.t0.distil over budget takes about 340 s, 12 s are left 0.25 340" in text
    assert "598 more rows are left out here." in text
    assert "all are in the workspace's file blobs/" in text


def test_it_is_shown_where_the_megabytes_lie(story: Story, show: Show) -> None:
    page = show(story)
    assert "Where the megabytes lie" in page
    assert ">Word table (MB)<" in page
    (told,) = set(re.findall(r"Parts of the size of each variant[^\"]*", html.unescape(page)))
    drawn = [variant for variant in story.variants.variants if variant.sizes]
    assert told.count("word table") == len(drawn) < len(story.variants.variants)
    assert re.search(r"minilm-3[^\"<>]*, other weights: 8", html.unescape(page))


def test_slices_have_their_intervals_and_typical_inputs(story: Story, bare: Story, show: Show) -> None:
    text = Outline(show(story)).text
    assert "topic 1: lamp, dim 0.9000 0.7451 to 0.9738 40" in text
    assert "short: up to 20 characters – no rows 0" in text
    assert "The intervals hold for all 2 at once" in text
    unsliced = story.dataset.model_copy(update={"slicing": None})
    told = replace(bare, dataset=unsliced, settlement=story.settlement)  # with none of the charts of a whole story
    assert "There are no slices of the inputs" in Outline(show(told)).text
    assert "There are no slices" not in Outline(show(bare)).text


def test_groups_have_their_intervals_their_gap_and_a_word_on_small_samples(
    story: Story, bare: Story, show: Show
) -> None:
    text = Outline(show(story)).text
    assert "age <b>old 0.8333 0.4833 to 0.9851 12" in text
    assert "gap: best minus worst 0.1261 0.0000 to 0.5108 86" in text
    assert "no value – in no group 4" in text
    assert "the intervals of 1 of 2 groups are wider than 20 points (age: <b>old (12 rows))" in text
    assert "Groups of the sensitive columns" not in Outline(show(bare)).text
