"""A brief is checked as a whole: every mistake with its line, what is allowed, what to do."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from marketfit.brief import Brief, MarketBrief, describe, load_brief, load_market
from marketfit.errors import BriefError

FULL = """\
product: home-assistant
task: text-classification
data: {source: data.csv, input: text, label: label}
market:
  goal: profit
  audience: 50000
  unit_cost: 0.8
  choices: choices.csv
  competitors: competitors.csv
  attributes:
    accuracy:   {metric: accuracy, better: higher}
    latency_ms: {metric: latency_p95_ms, better: lower}
    privacy:    {offer: on-device}
    price:      {offer: [2, 4, 6], better: lower}
  opinions: opinions.csv
objective: {survey: 1.0}
require: {accuracy: ">= 0.90", latency_p95_ms: "<= 10", size_mb: "<= 30"}
target: {device: cpu, threads: 1}
backbones: [minilm]
budget: {trials: 12, minutes: 20}
seed: 0
"""


@pytest.fixture
def write(write_brief: Callable[..., Path], tmp_path: Path) -> Callable[[str], Path]:
    columns = "accuracy,latency_ms,privacy,price"
    (tmp_path / "choices.csv").write_text(f"respondent,task,alternative,chosen,{columns}\n")
    (tmp_path / "competitors.csv").write_text(f"offer,{columns}\n")
    (tmp_path / "opinions.csv").write_text("item,respondent,label\n")
    return write_brief


def problems(path: Path) -> list[str]:
    with pytest.raises(BriefError) as caught:
        load_brief(path)
    return [str(problem) for problem in caught.value.problems]


def test_the_brief_of_the_issue_is_accepted(write: Callable[[str], Path]) -> None:
    brief = load_brief(write(FULL))
    assert [str(need) for need in brief.require] == ["accuracy >= 0.9", "latency_p95_ms <= 10", "size_mb <= 30"]
    assert brief.market.attributes["price"].offer == (2.0, 4.0, 6.0)
    assert brief.market.attributes["privacy"].offer == ("on-device",)
    assert brief.data.source.is_absolute()


def test_all_mistakes_are_reported_in_one_go(write: Callable[[str], Path]) -> None:
    text = FULL.replace("text-classification", "text-clasification").replace("input: text", "input: txt")
    text = text.replace("seed: 0", "sed: 0").replace('">= 0.90"', '"<= 0.9"').replace("better: higher", "beter: higher")
    found = problems(write(text))
    assert len(found) == 5
    for line, words in [
        (2, "did you mean 'text-classification'"),
        (3, "no column 'txt'; did you mean 'text'?"),
        (11, "unknown key 'beter'; did you mean 'better'?"),
        (17, "wrong side"),
        (21, "did you mean 'seed'?"),
    ]:
        assert any(f"brief.yaml:{line}:" in problem and words in problem for problem in found), (line, words, found)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("goal: profit", "goal: share"), "share goal with several prices"),
        (("  audience: 50000\n", ""), "profit goal needs audience"),
        (("survey: 1.0", "survey: 2.0, fit: true"), "λ ≤ τ"),
        (("survey: 1.0", "survey: -1"), "greater than or equal to 0"),
        (("threads: 1", "threads: 0"), "greater than or equal to 1"),
        (("source: data.csv", "source: other.csv"), "there is no file 'other.csv'"),
        (("source: data.csv", "source: ."), "is a directory"),
        (("{metric: accuracy, better: higher}", "{metric: accuracy, offer: 3}"), "either 'metric' or 'offer'"),
        (("size_mb:", "cost_per_1000:"), "needs a price"),
        (('size_mb: "<= 30"', 'accuracy_gap: "<= 0.3"'), "needs groups"),
        (("product: home-assistant\n", ""), "'product' is missing"),
        (('">= 0.90"', "0.9"), "in quotes"),
        (
            ('{accuracy: ">= 0.90", latency_p95_ms: "<= 10", size_mb: "<= 30"}', "{}"),
            "require: is empty; at least 1 → add what is missing (metric: '>=",
        ),
        (("[minilm]", "[]"), "backbones: is empty; at least 1 → add what is missing (built-in name"),
    ],
)
def test_each_mistake_is_an_instruction(write: Callable[[str], Path], change: tuple[str, str], words: str) -> None:
    assert change[0] in FULL
    found = problems(write(FULL.replace(*change)))
    assert any(words in problem for problem in found), found
    assert all("→" in problem for problem in found)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"- a\n- b\n", "holds a"),
        (b"product: \xff\n", "not UTF-8"),
        (b"a: [1, 2\n", "not YAML"),
        (b"a: 1\na: 2\n", "every key once"),
        (b"x" * 1_000_001, "at most 1,000,000"),
    ],
)
def test_files_that_are_no_brief(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "brief.yaml"
    path.write_bytes(content)
    assert words in problems(path)[0]


def test_a_directory_and_a_missing_file(tmp_path: Path) -> None:
    assert "is a directory" in problems(tmp_path)[0]
    assert "no such file" in problems(tmp_path / "none.yaml")[0]


def test_equal_content_gives_equal_parts_wherever_it_lies(write: Callable[[str], Path], tmp_path: Path) -> None:
    brief = load_brief(write(FULL))
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    for name in ("brief.yaml", "data.csv", "choices.csv", "competitors.csv", "opinions.csv"):
        (moved / name).write_bytes((tmp_path / name).read_bytes())
    again = load_brief(moved / "brief.yaml")
    assert brief.digest() == again.digest()
    (moved / "data.csv").write_text("text,label\nother,a\n")
    assert brief.part(["data"]) != again.part(["data"])
    assert brief.part(["market"]) == again.part(["market"])


def test_every_option_has_a_help_text() -> None:
    options = list(describe())
    assert {"data.source", "require", "market.attributes.NAME.better", "budget.minutes"} <= {
        name for name, _, _ in options
    }
    assert [name for name, _, text in options if not re.search(r"\w{3}", text)] == []


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        (
            "  competitors: competitors.csv\n",
            "  rival_unit_costs: {Rival: 1}\n",
            "'rival_unit_costs' needs competitors",
        ),
        ("  unit_cost: 0.8\n", "  unit_cost: 0.8\n  rival_unit_costs: {Rival: -1}\n", "rival_unit_costs.Rival"),
    ],
)
def test_costs_of_rivals_are_checked(write: Callable[[str], Path], old: str, new: str, why: str) -> None:
    with pytest.raises(BriefError, match=re.escape(why)):
        load_brief(write(FULL.replace(old, new)))
    text = FULL.replace("  unit_cost: 0.8\n", "  unit_cost: 0.8\n  rival_unit_costs: {Rival: 1}\n")
    assert load_brief(write(text)).market.rival_unit_costs == {"Rival": 1.0}


def market_alone(text: str = FULL) -> str:
    """The product and its market: no model is asked for."""
    return text[: text.index("task:")] + text[text.index("market:") : text.index("objective:")]


def test_the_market_alone_is_a_brief_of_market_research_and_no_other(write: Callable[[str], Path]) -> None:
    path = write(market_alone())
    brief = load_market(path)
    assert not isinstance(brief, Brief)
    assert (brief.product, brief.require, brief.seed) == ("home-assistant", (), 0)
    told = problems(path)
    assert [text.split("'")[1] for text in told] == ["require", "task", "data"]


def test_market_research_asks_the_same_of_both_briefs(write: Callable[[str], Path]) -> None:
    """So that what it found without a model is found already when there is one."""
    alone = load_market(write(FULL.replace("data.csv", "there-is-none.csv")))
    assert [str(need) for need in alone.require] == ["accuracy >= 0.9", "latency_p95_ms <= 10", "size_mb <= 30"]
    sections = list(MarketBrief.model_fields)
    sections.remove("path")
    assert alone.part(sections) == load_brief(write(FULL)).part(sections)


def test_all_mistakes_of_the_market_are_told_and_no_others(write: Callable[[str], Path]) -> None:
    text = FULL.replace("goal: profit", "goal: profits").replace("[2, 4, 6]", "[]").replace("choices.csv", "no.csv")
    path = write(text.replace(">= 0.90", "~ 0.90").replace("budget:", "bugdet:").replace("cpu", "abacus"))
    with pytest.raises(BriefError) as caught:
        load_market(path)
    told = [str(problem) for problem in caught.value.problems]
    for words in ("market.goal", "market.attributes.price", "no file 'no.csv'", "require.accuracy", "'budget'?"):
        assert any(words in text for text in told), (words, told)
    assert not any("abacus" in text for text in told)


def test_weights_beside_a_choice_survey_are_refused_with_their_line(write: Callable[[str], Path]) -> None:
    text = FULL.replace("size_mb:", "cost_per_1000:") + "weights: {accuracy: 1.0}\n"
    found, also = problems(write(text))
    assert f"brief.yaml:{len(text.splitlines())}: weights" in found
    assert "beside a choice survey" in found
    assert "drop weights" in found
    assert "cost_per_1000 needs a price" in also


def test_rules_that_fit_every_answer_are_refused(write: Callable[[str], Path]) -> None:
    rules = '  codes:\n    price: []\n    speed: [slow*, "*"]\n    size: [" "]\n    looks: [ugly]\n'
    found = problems(write(FULL.replace("objective:", f"{rules}objective:")))
    assert [re.sub(r"^.*brief.yaml:", "", problem).split(";")[0] for problem in found] == [
        "17: market.codes.price: has no words or phrases",
        "18: market.codes.speed: '*' fits every answer",
        "19: market.codes.size: ' ' fits every answer",
    ]
