"""The model card: every number with n and interval, user data never as markup, simulated inputs named."""

from __future__ import annotations

from dataclasses import replace

from marketfit.bundle import ModelCard, render_card
from marketfit.contract import Contract, Measurement, Requirement
from marketfit.records.bundle import BundleSpec

SPEC = BundleSpec(product="shop", task="text-classification", labels=("a", "b"), temperature=1.25, lineage=("minilm",))
ACCURACY = Measurement(metric="accuracy", value=0.95, low=0.93, high=0.97, n=500, machine="a machine")
SIZE = Measurement(metric="size_mb", value=12.0, low=12.0, high=12.0, n=1)
CONTRACT = Contract.of(
    [Requirement.parse(*need) for need in (("accuracy", ">= 0.9"), ("size_mb", "<= 30"), ("memory_mb", "<= 500"))],
    [ACCURACY, SIZE],
)


def test_every_promise_is_shown_with_interval_n_and_verdict(card: ModelCard) -> None:
    text = render_card(card, spec=SPEC, contract=CONTRACT, size_mb=12.0)
    assert "2 of 3 requirements are met" in text
    assert "| Accuracy &gt;= 0.9 | 0.95 | 0.93 to 0.97 (95.0000% a side) | 500 | met |" in text
    assert "| Size of the bundle &lt;= 30 | 12 MB | exact | 1 | met |" in text
    assert "| Peak resident memory &lt;= 500 | not measured | none | 0 | unmeasured |" in text
    assert "measured on: a machine" in text
    assert "Lineage: minilm" in text


def test_other_measurements_come_with_n_and_interval_too(card: ModelCard) -> None:
    latency = Measurement(metric="latency_p95_ms", value=2.0, low=1.9, high=2.2, n=2000, conditions="1 thread")
    text = render_card(replace(card, measurements=(latency,)), spec=SPEC, contract=CONTRACT, size_mb=12.0)
    assert "| Latency, 95th percentile | 2 ms | 1.9 to 2.2 (95.0000% a side) | 2000 | 1 thread |" in text


def test_user_data_never_becomes_markup(card: ModelCard) -> None:
    spec = replace(SPEC, labels=("<script>", "a|b", "# head\n## more", "[x](y)", "**bold**", "`c`"))
    text = render_card(card, spec=spec, contract=CONTRACT, size_mb=12.0)
    assert "<script>" not in text
    for escaped in ("&lt;script&gt;", r"a\|b", r"\# head \#\# more", r"\[x\](y)", r"\*\*bold\*\*", r"\`c\`"):
        assert escaped in text


def test_what_is_simulated_is_said(card: ModelCard) -> None:
    plain = render_card(card, spec=SPEC, contract=CONTRACT, size_mb=12.0)
    assert "Simulated" not in plain
    told = render_card(replace(card, simulated=("market survey",)), spec=SPEC, contract=CONTRACT, size_mb=12.0)
    assert "## Simulated inputs\n\n- market survey" in told


def test_an_abstention_threshold_is_told(card: ModelCard) -> None:
    assert "No answer is marked" in render_card(card, spec=SPEC, contract=CONTRACT, size_mb=12.0)
    spec = replace(SPEC, abstain_below=0.6)
    assert "Below 0.6 the answer is marked" in render_card(card, spec=spec, contract=CONTRACT, size_mb=12.0)


def test_nothing_required_nothing_promised(card: ModelCard) -> None:
    assert "nothing is promised" in render_card(card, spec=SPEC, contract=Contract(clauses=()), size_mb=12.0)
