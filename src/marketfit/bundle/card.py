"""The model card of a bundle, in Markdown: what it is for, what was proved, how it was made, where it stops."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from marketfit.contract import METRICS, Clause, Contract, Measurement
from marketfit.records.bundle import BundleSpec


@dataclass(frozen=True)
class CardData:
    """The data behind a bundle, in numbers. `rows_digest`: the prepared rows, `test_digest`: the locked test rows.

    Both are SHA-256 in hexadecimal, or empty where there is none.
    """

    description: str
    source_rows: int
    splits: Mapping[str, int]
    quarantined: int
    test_digest: str
    rows_digest: str = ""


@dataclass(frozen=True)
class CardBackbone:
    """The pretrained model that was adapted, named by its weights."""

    name: str
    weights_sha256: str

    @property
    def sentence(self) -> str:
        """As the card says it."""
        return f"Backbone {self.name}; SHA-256 of its weights: {self.weights_sha256}"


@dataclass(frozen=True)
class ModelCard:
    """What a model card says beyond the spec and the contract.

    `measurements` are shown beside the contract, each with n and interval. `how_made` tells the steps in order;
    `limits` says where the bundle should not be trusted; `simulated` names every input that is not real.
    """

    intended_use: str
    input_description: str
    data: CardData
    backbone: CardBackbone | None = None
    measurements: tuple[Measurement, ...] = ()
    how_made: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()
    simulated: tuple[str, ...] = ()


def render_card(card: ModelCard, *, spec: BundleSpec, contract: Contract, size_mb: float) -> str:
    """The card as Markdown. The same arguments give the same text."""
    blocks = [
        f"# {plain(spec.product)}",
        f"A {plain(spec.task)} model, packed by marketfit. Size: {size_mb:.3f} MB (all files over 10⁶ bytes, exact).",
        *_section("Intended use", [plain(card.intended_use), f"Input: {plain(card.input_description)}"]),
        *_section("Contract", [_contract_table(contract)]),
        *_section("Other measurements", [_measurement_table(card.measurements)] if card.measurements else []),
        *_section(f"Labels ({len(spec.labels)})", [", ".join(f"“{plain(label)}”" for label in spec.labels)]),
        *_section("Scores", [_scores(spec)] if spec.labels else []),
        *_section("Data", [_data(card.data)]),
        *_section("How it was made", [_numbered((*_from(card.backbone), *card.how_made, *_lineage(spec.lineage)))]),
        *_section("Limits", [_bullets((*card.limits, *_standing_limits(spec, contract)))]),
        *_section("Simulated inputs", [_bullets(card.simulated)] if card.simulated else []),
    ]
    return "\n\n".join(blocks) + "\n"


def _section(title: str, blocks: Sequence[str]) -> list[str]:
    kept = [block for block in blocks if block]
    return [f"## {title}", *kept] if kept else []


def _contract_table(contract: Contract) -> str:
    if not contract.clauses:
        return "Nothing was required, so nothing is promised."
    rows = [_clause_row(clause) for clause in contract.clauses]
    table = _table(("Requirement", "Measured", "Interval", "n", "Verdict", "Conditions"), rows)
    kept = sum(clause.verdict == "met" for clause in contract.clauses)
    return f"{kept} of {len(rows)} requirements are met. Each bound of an interval is one-sided.\n\n{table}"


def _clause_row(clause: Clause) -> tuple[str, ...]:
    title = METRICS[clause.requirement.metric].title
    need = f"{title} {clause.requirement.op} {_number(clause.requirement.limit)}"
    if clause.measurement is None:
        return need, "not measured", "none", "0", clause.verdict.value, ""
    return need, *_figures(clause.measurement), clause.verdict.value, clause.measurement.conditions


def _measurement_table(measurements: Iterable[Measurement]) -> str:
    rows = [
        (METRICS[item.metric].title if item.metric in METRICS else item.metric, *_figures(item), item.conditions)
        for item in measurements
    ]
    return _table(("What", "Measured", "Interval", "n", "Conditions"), rows)


def _figures(measurement: Measurement) -> tuple[str, str, str]:
    unit = METRICS[measurement.metric].unit if measurement.metric in METRICS else ""
    value = f"{_number(measurement.value)} {unit}".strip()
    if measurement.low == measurement.value == measurement.high:
        return value, "exact", str(measurement.n)
    interval = f"{_number(measurement.low)} to {_number(measurement.high)} ({measurement.confidence:.4%} a side)"
    return value, interval, str(measurement.n)


def _scores(spec: BundleSpec) -> str:
    text = f"A score is a probability, calibrated with the temperature {_number(spec.temperature)}."
    if spec.abstain_below > 0:
        return f"{text} Below {_number(spec.abstain_below)} the answer is marked as an abstention."
    return f"{text} No answer is marked as an abstention."


def _data(data: CardData) -> str:
    splits = ", ".join(f"{rows:,} {name}" for name, rows in data.splits.items())
    return (
        f"{plain(data.description)} {data.source_rows:,} rows were read: {splits}, {data.quarantined:,} quarantined. "
        f"These are counts, so they have no interval. SHA-256 of the prepared rows: {_digest(data.rows_digest)}; "
        f"of the test rows: {_digest(data.test_digest)}."
    )


def _digest(digest: str) -> str:
    return f"`{digest}`" if digest else "none"


def _from(backbone: CardBackbone | None) -> tuple[str, ...]:
    return (backbone.sentence,) if backbone else ()


def _lineage(lineage: Iterable[str]) -> tuple[str, ...]:
    return tuple(f"Lineage: {step}" for step in lineage)


def _standing_limits(spec: BundleSpec, contract: Contract) -> tuple[str, ...]:
    machines = sorted({c.measurement.machine for c in contract.clauses if c.measurement and c.measurement.machine})
    limits = ["Quality was measured on rows like those of the test split; on other inputs it can be worse."]
    if machines:
        limits.append(
            f"Time and memory were measured on: {'; '.join(machines)}. Run `marketfit verify` on another machine."
        )
    if spec.session.engine != "onnxruntime":
        limits.append(
            f"It was measured with {spec.session.engine}; where that does not work onnxruntime runs it on the "
            "processor, in another time and with other rounding."
        )
    return tuple(limits)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *([plain(cell) for cell in row] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _bullets(items: Iterable[str]) -> str:
    return "\n".join(f"- {plain(item)}" for item in items)


def _numbered(items: Iterable[str]) -> str:
    return "\n".join(f"{number}. {plain(item)}" for number, item in enumerate(items, start=1))


def _number(value: float) -> str:
    return f"{value:.4g}"


def plain(words: str) -> str:
    """One line of plain text: labels and product names are user data and must not become markup."""
    flat = " ".join(words.split())
    escaped = flat.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_\[\]|#])", r"\\\1", escaped)
