"""Plain text: aligned, complete, harmless on a terminal."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketfit.contract import Contract, Measurement, Requirement, Verdict
from marketfit.records.data import FeedbackBatch
from marketfit.records.decision import Promotion
from marketfit.report import Story, contract_table, describe_outcome, describe_promotion
from marketfit.report.proof import what_is_missing
from marketfit.report.text import aligned

NEEDS = [
    Requirement.parse("accuracy", ">= 0.90"),
    Requirement.parse("latency_p95_ms", "<= 10"),
    Requirement.parse("size_mb", "<= 30"),
    Requirement.parse("memory_mb", "<= 200"),
]
FOUND = [
    Measurement(metric="accuracy", value=0.93, low=0.89, high=0.96, n=1100),
    Measurement(metric="latency_p95_ms", value=12.345, low=11.9, high=13.1, n=2000),
    Measurement(metric="size_mb", value=17.5, low=17.5, high=17.5, n=1),
]

TABLE = """\
metric          limit   value         interval          n      verdict
accuracy        >= 0.9  0.9300        0.8900 to 0.9600  1,100  unproven
latency_p95_ms  <= 10   12.35 ms      11.90 to 13.10    2,000  broken
size_mb         <= 30   17.50 MB      exact             1      met
memory_mb       <= 200  not measured  none              0      unmeasured"""


def test_contract_table() -> None:
    assert contract_table(Contract.of(NEEDS, FOUND)) == TABLE
    assert contract_table(Contract(clauses=())) == "Nothing was required, so nothing is promised."


def test_outcome_tells_everything() -> None:
    text = describe_outcome(
        product="home-assistant", status="refused", reason="latency_p95_ms <= 10 is broken",
        winner="minilm.t1.int8", price=4.0, contract=Contract.of(NEEDS, FOUND),
        offers=[("home-assistant", 0.41), ("Hearthwren Basic", 0.3)], bundle=None, report="runs/1/report.html",
        seconds={"prepare": 3.2, "tune": 71.0}, champion=False, simulated=True,
    )  # fmt: skip
    assert text.startswith("home-assistant: refused. latency_p95_ms <= 10 is broken\n\nContract\nmetric ")
    assert TABLE in text
    assert "minilm.t1.int8 at a price of 4" in text
    assert "shares (SIMULATED answers)  home-assistant 41.0 %, Hearthwren Basic 30.0 %" in text
    assert "1 min 14 s (prepare 3.2 s, tune 1 min 11 s)" in text
    assert "bundle" not in text


def test_outcome_says_whether_the_bundle_serves() -> None:
    def told(*, champion: bool) -> str:
        return describe_outcome(
            product="p", status="shipped", reason="", winner="w", price=None, contract=Contract.of(NEEDS, FOUND),
            offers=(), bundle="/b", report="r", seconds={}, champion=champion,
        )  # fmt: skip

    assert "/b (in service: it is the champion)" in told(champion=True)
    assert "/b (not in service)" in told(champion=False)
    assert "time" not in told(champion=True)


def test_promotion_is_told_with_its_evidence(learnt: tuple[FeedbackBatch, Promotion]) -> None:
    text = describe_promotion(learnt[1])
    for said in ("Challenger: promoted", "n = 220 pairs, 220 of them SIMULATED", "better 1.89e+03", "+1.10 points"):
        assert said in text
    bare = Promotion(status="kept", reason="no challenger", champion="a", challenger="")
    assert describe_promotion(bare) == "Challenger: kept\nno challenger"


@given(st.lists(st.tuples(st.text(), st.text(), st.text()), min_size=1))
def test_every_row_is_one_line_without_control_characters(rows: list[tuple[str, str, str]]) -> None:
    lines = aligned(rows).split("\n")
    assert len(lines) == len(rows)
    assert all(ord(sign) >= 32 and ord(sign) != 127 for line in lines for sign in line)


@pytest.mark.parametrize(
    ("found", "bound", "opening", "said"),
    [
        # 0.93 against 0.90 at 97.5 %: SciPy's binomial gives the number of rows that prove it from then on.
        ((0.93, 0.89, 0.96, 100), ">= 0.90", 0, "would prove it at opening 1."),
        ((0.90, 0.85, 0.94, 100), ">= 0.90", 0, "too near to its limit for any number of rows to prove it"),
        ((0.80, 0.75, 0.84, 100), ">= 0.90", 0, "Misses the limit by 0.1000."),
        ((0.95, 0.93, 0.97, 900), ">= 0.90", 1, ""),
    ],
)
def test_what_is_missing(found: tuple[float, float, float, int], bound: str, opening: int, said: str) -> None:
    value, low, high, n = found
    measured = Measurement(metric="accuracy", value=value, low=low, high=high, n=n)
    clause = Contract.of([Requirement.parse("accuracy", bound)], [measured]).clauses[0]
    text = what_is_missing(clause, opening=opening)
    assert text == "" if not said else said in text


def test_the_rows_that_are_asked_for_do_prove_it() -> None:
    from scipy.stats import beta

    measured = Measurement(metric="accuracy", value=0.93, low=0.89, high=0.96, n=100)
    clause = Contract.of([Requirement.parse("accuracy", ">= 0.90")], [measured]).clauses[0]
    for opening in (0, 1, 2):
        text = what_is_missing(clause, opening=opening)
        rows = int(text.split(" in all")[0].split("(")[1].replace(",", ""))
        level = 0.05 / ((opening + 1) * (opening + 2))
        right = int(rows * 0.93 + 1e-9)
        assert beta.ppf(level, right, rows - right + 1) >= 0.90
        fewer = int((rows - 1) * 0.93 + 1e-9)
        assert beta.ppf(level, fewer, rows - fewer) < 0.90  # one row less does not


def test_time_is_scaled_with_the_root_of_n() -> None:
    measured = Measurement(metric="latency_p95_ms", value=9.0, low=8.0, high=11.0, n=400)
    clause = Contract.of([Requirement.parse("latency_p95_ms", "<= 10")], [measured]).clauses[0]
    assert "about 1,200 more requests (1,600 in all) would prove it" in what_is_missing(clause, opening=3)


def test_valid_rows_alone_never_prove_it(story: Story) -> None:
    clause = story.settlement.contract.clauses[0]
    unproven = replace(clause, verdict=Verdict.UNPROVEN)
    assert "only the locked test can prove it" in what_is_missing(unproven, opening=0)


def test_importing_the_report_loads_nothing_that_draws() -> None:
    heavy = ("altair", "jinja2", "vl_convert", "pandas", "polars", "torch", "sklearn", "transformers")
    code = f"import sys, marketfit.report, marketfit.report.page; print([m for m in {heavy!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
