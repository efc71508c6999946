"""A story made of synthetic records: everything that a report can show, in small."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa
import pytest

from marketfit.contract import Contract, Measurement, Requirement
from marketfit.records.base import Blob, Folder
from marketfit.records.data import Count, Dataset, FeedbackBatch, FeedbackRow, InputSlice, LengthProfile, Slice, Slicing
from marketfit.records.decision import (
    ClassRow,
    Comparison,
    Decision,
    ErrorRow,
    GroupGap,
    GroupRow,
    Promotion,
    QualityReport,
    SensitiveRow,
    Settlement,
    SliceRow,
    Standing,
    TestComparison,
)
from marketfit.records.market import ChoiceStudy, MarketView, Offer, Opinions, PartWorth, Provenance, Ratio
from marketfit.records.models import Backbone, Candidate, FitSummary, Recipe, Shortlist, TermSpec, Trial, Tuned
from marketfit.records.variants import BatchSpeed, Untried, UntriedGroup, Variant, Variants
from marketfit.report import Story, write_report
from marketfit.workspace import Workspace

LABELS = ("alarm_set", "lights_on", "lights_off", "music_play", "weather_now", "<script>alert('label')</script>")
HOSTILE = "<script>alert('input')</script> & \"quotes\""
OURS = "home-assistant"

NEEDS = (
    Requirement.parse("accuracy", ">= 0.85"),
    Requirement.parse("latency_p95_ms", "<= 10"),
    Requirement.parse("size_mb", "<= 30"),
)


def measured(metric: str, value: float, low: float, high: float, n: int) -> Measurement:
    """A measurement of the machine of the story."""
    conditions = "one thread, one request, five fresh processes" if metric.startswith("lat") else "reloaded bundle"
    return Measurement(
        metric=metric, value=value, low=low, high=high, n=n, conditions=conditions, machine="8 cores of a test machine"
    )


@dataclass(frozen=True)
class Making:
    """Makes the parts of a story with the blobs in a workspace."""

    workspace: Workspace

    def dataset(self) -> Dataset:
        """600 rows in splits, 24 in quarantine, feedback among the train rows."""
        splits = {"train": 420, "valid": 90, "test": 90}
        inputs = [f"utterance number {number}" for number in range(1, 601)]
        inputs[4] = HOSTILE
        names = [name for name, rows in splits.items() for _ in range(rows)]
        rows = pa.table(
            {
                "row": pa.array(range(1, 601), pa.int64()),
                "input": inputs,
                "label": [LABELS[number % 6] for number in range(600)],
                "split": names,
                "group": pa.nulls(600, pa.string()),
                "origin": ["feedback" if 400 <= number < 420 else "source" for number in range(600)],
            }
        )
        put = self.workspace.put_table
        reasons = ["exact duplicate"] * 12 + ["near duplicate"] * 6 + ["empty label"] * 6
        quarantine = {
            "row": pa.array(range(601, 625), pa.int64()),
            "reason": reasons,
            "content": [HOSTILE, *(f"content {number}" for number in range(23))],
        }
        receipts = {
            "removed": pa.array(range(601, 619), pa.int64()),
            "kept": pa.array(range(1, 19), pa.int64()),
            "similarity": [1.0] * 12 + [0.91] * 6,
            "kind": ["exact"] * 12 + ["near"] * 6,
        }
        issues = {
            "row": pa.array([5, 17, 42], pa.int64()),
            "label": [LABELS[5], LABELS[4], LABELS[0]],
            "suggested": [LABELS[0], LABELS[3], LABELS[1]],
            "score": [0.02, 0.1, 0.31],
        }
        return Dataset(
            task="text-classification",
            rows=put(rows),
            features=Blob(sha256="0" * 64, bytes=0, suffix=".npy"),
            embedder=Folder(files={}),
            labels=LABELS,
            splits=splits,
            classes={label: {"train": 70, "valid": 15, "test": 15} for label in LABELS},
            source_rows=624,
            quarantined=tuple(Count(reason=reason, rows=reasons.count(reason)) for reason in dict.fromkeys(reasons)),
            quarantine=put(pa.table(quarantine)),
            receipts=put(pa.table(receipts)),
            label_issues=put(pa.table(issues)),
            unlabelled=None,
            length=LengthProfile(p50=34, p95=71, longest=140, unit="characters"),
            notes=("3 texts have several labels: 6 of their rows are in quarantine",),
            test_digest="ab" * 32,
            input_description="The column 'text' of utterances.csv.",
            slicing=Slicing(
                centres=Blob(sha256="0" * 64, bytes=0, suffix=".npy"),
                ends=(20, 40),
                slices=(
                    InputSlice(family="topic", place=0, name="topic 1: lamp, dim", typical=(HOSTILE,), train_rows=210),
                    InputSlice(family="length", place=0, name="short: up to 20 characters", typical=(), train_rows=140),
                ),
            ),
        )

    def market(self) -> MarketView:
        """A simulated choice survey, two competitors, simulated opinions."""
        names = ("accuracy", "latency_ms", "privacy: on-device", "price", "none")
        values = (8.1, -0.012, 0.74, -0.43, -0.9)
        people = {
            "respondent": ["ann", "bob", HOSTILE],
            "answers": pa.array([120, 80, 40], pa.int64()),
            "reliability": [0.93, 0.81, 0.24],
            "low": [0.88, 0.72, 0.13],
            "high": [0.96, 0.88, 0.38],
        }
        blob = Blob(sha256="1" * 64, bytes=10, suffix=".json")
        return MarketView(
            choice=ChoiceStudy(
                model=blob,
                draws=blob,
                provenance=Provenance(files={"choices.csv": "1" * 64}, respondents_read=120, tasks_read=960),
                part_worths=tuple(
                    PartWorth(
                        name=name,
                        value=value,
                        standard_error=None if name == "none" else abs(value) / 6,
                        step=f"{name}: low → high",
                        factor=2.0,
                    )
                    for name, value in zip(names, values, strict=True)
                ),
                willingness_to_pay=(
                    Ratio(attribute="accuracy", value=18.8, low=12.3, high=27.0),
                    Ratio(attribute="privacy: on-device", value=1.72, low=0.9, high=2.8),
                ),
                log_likelihood=-812.5,
                log_likelihood_null=-1109.0,
                respondents=120,
                tasks=960,
                simulated=True,
            ),
            competitors=(
                Offer(name="Hearthwren Basic", attributes={"accuracy": 0.86, "latency_ms": 150, "price": 2}),
                Offer(name=HOSTILE, attributes={"accuracy": 0.9, "privacy": "on-device", "price": 5}),
            ),
            opinions=Opinions(
                consensus=blob,
                items=80,
                answers=240,
                respondents=3,
                unreliable=(HOSTILE,),
                mean_reliability=0.78,
                simulated=True,
                reliability=self.workspace.put_table(pa.table(people)),
                method="one-coin",
            ),
            notes=("price enters as a straight line (likelihood ratio 0.4 on 1, p = 0.53).",),
        )

    def variants(self) -> Variants:
        """Eight variants, one of which could not be built and one far too large."""
        made = []
        for trial, (name, accuracy, latency, size) in enumerate(
            (("minilm", 0.957, 6.1, 91.0), ("minilm-3", 0.951, 3.2, 70.0), ("minilm-static", 0.902, 0.21, 48.0))
        ):
            for step, passes in enumerate(((), ("int8",), ("int8", "int8-embeddings"))):
                label = ".".join((name, f"t{trial}", *(passes or ("fp32",))))
                if name == "minilm-static" and passes == ("int8",):
                    continue
                rejected = "91.0 MB is far above the limit of 30 MB; it was not timed" if size > 90 and not step else ""
                made.append(
                    self._variant(label, trial, name, passes, rejected, _figures(accuracy, latency, size, step))
                )
        made[-1] = made[-1].model_copy(update={"measurements": (), "rejected": f"RunError: {HOSTILE}"})
        untried = (
            Untried(
                name="minilm.t0.half", passes=("half",), why="cannot win", reason="size_mb <= 30 would be 45 at best"
            ),
            Untried(
                name="minilm.t0.distil", passes=("distil",), why="over budget",
                reason="takes about 340 s, 12 s are left", gain=0.25, seconds=340.0,
            ),
        )  # fmt: skip
        groups = tuple(UntriedGroup(why=line.why, count=300, nearest=(line,)) for line in untried)
        return Variants(
            variants=tuple(made), machine="8 cores of a test machine", notes=("one note on variants",),
            front=(made[1].name, made[-2].name), untried=groups,
            every_untried=self.workspace.put_bytes(b"name\n", suffix=".csv"),
        )  # fmt: skip

    def _variant(
        self,
        name: str,
        trial: int,
        backbone: str,
        passes: tuple[str, ...],
        rejected: str,
        found: tuple[Measurement, ...],
    ) -> Variant:
        return Variant(
            name=name,
            trial=trial,
            backbone=backbone,
            passes=passes,
            bundle=Folder(files={}),
            measurements=tuple(m for m in found if not (rejected and m.metric.startswith("latency"))),
            batches=() if rejected else (_speed(1, 150.0), _speed(8, 410.0)),
            probabilities=Blob(sha256="2" * 64, bytes=0, suffix=".npy"),
            unknown_tokens=0.004,
            truncated=0.0,
            rejected=rejected,
            sizes={} if rejected else {"word table": 40.0 - len(passes), "other weights": 8.0, "other files": 0.5},
        )

    def story(self) -> Story:
        """A shipped run."""
        return Story(
            product=OURS,
            task="text-classification",
            command="run",
            created="2026-11-24 11:00 UTC",
            seed=7,
            machine="8 cores of a test machine",
            brief_file="brief.yaml",
            goal="profit",
            dataset=self.dataset(),
            market=self.market(),
            models=shortlist(),
            tuned=tuned(),
            variants=self.variants(),
            decision=decision(),
            settlement=settlement(),
            seconds={"research": 1.2, "prepare": 8.4, "shortlist": 20.0, "tune": 141.0, "compress": 66.0},
            bundle="/work/bundles/home-assistant-0123456789ab",
            digest="cd" * 32,
            batch=None,
            promotion=None,
            champion=True,
            notes=("a note on the whole run",),
        )


def _speed(size: int, rate: float) -> BatchSpeed:
    return BatchSpeed(
        size=size, rows_per_second=rate, slowest=0.9 * rate, fastest=1.1 * rate, processes=5, peak_mb=80 + size
    )


def _figures(accuracy: float, latency: float, size: float, step: int) -> tuple[Measurement, ...]:
    accuracy -= 0.004 * step
    latency *= (1, 0.55, 0.57)[step]
    size *= (1, 0.47, 0.25)[step]
    half = 1.645 * math.sqrt(accuracy * (1 - accuracy) / 90)
    return (
        measured("accuracy", accuracy, accuracy - half, min(1.0, accuracy + half), 90),
        measured("macro_f1", accuracy - 0.01, accuracy - half - 0.01, min(1.0, accuracy + half), 90),
        measured("latency_p50_ms", latency * 0.8, latency * 0.78, latency * 0.83, 2000),
        measured("latency_p95_ms", latency, latency * 0.95, latency * 1.12, 2000),
        measured("memory_mb", 140 + size, 139 + size, 142 + size, 5),
        measured("size_mb", size, size, size, 1),
    )


def backbone(name: str, cut: int | None, parameters: int) -> Backbone:
    """A backbone of MiniLM's."""
    return Backbone(
        name=name, source="minilm", cut=cut, static="static" in name, parameters=parameters,
        weights_sha256="53aa51172d142c89" + "0" * 48, methods=("probe", "full"),
    )  # fmt: skip


BACKBONES = (
    backbone("minilm-3", 3, 17_400_000),
    backbone("minilm", None, 22_700_000),
    backbone("minilm-static", 0, 11_900_000),
    backbone("other", None, 110_000_000),
)


def shortlist() -> Shortlist:
    """Three kept, one dropped."""
    rows = [(0.91, 6.0), (0.92, 11.5), (0.85, 0.2), (0.62, 80.0)]
    return Shortlist(
        candidates=tuple(
            Candidate(
                backbone=one,
                kept=one.name != "other",
                reason="dropped: half its median latency is 20 ms" if one.name == "other" else "kept: probe 0.91",
                size_mb=one.parameters / 1e6,
                probe_accuracy=value,
                probe_low=value - 0.05,
                probe_high=min(1.0, value + 0.04),
                probe_rows=90,
                latency_ms=latency,
            )
            for one, (value, latency) in zip(BACKBONES, rows, strict=True)
        ),
        floor_accuracy=0.8,
        floor_low=0.72,
        floor_high=0.86,
        floor_rows=90,
    )


def tuned() -> Tuned:
    """Five trials, one failed."""
    recipes = (
        Recipe(method="probe", learning_rate=0.0, epochs=1),
        Recipe(method="full", learning_rate=5e-5, epochs=8, terms=(TermSpec(name="survey", weight=1.0),)),
        Recipe(method="lora", learning_rate=3e-4, epochs=8),
        Recipe(method="full", learning_rate=1e-2, epochs=8),
        Recipe(method="full", learning_rate=8e-5, epochs=6),
    )
    trials = []
    for number, recipe in enumerate(recipes):
        failed = number == 3
        trials.append(
            Trial(
                number=number,
                backbone=BACKBONES[number % 3],
                recipe=recipe,
                status="failed" if failed else "complete",
                reason=f"RunError: the loss is not finite {HOSTILE}" if failed else "",
                seed=number,
                model=None,
                probabilities=None,
                accuracy=None if failed else 0.9 + 0.01 * number,
                macro_f1=None if failed else 0.89 + 0.01 * number,
                log_loss=None if failed else 0.4 - 0.03 * number,
                fit=None if failed else FitSummary(steps=320, seconds=21.5, losses=(1.1, 0.4), precision="float32"),
            )
        )
    return Tuned(
        trials=tuple(trials),
        finalists=(1, 0, 2),
        comparisons=("trial 4 beats trial 1: +1.2 points (paired bootstrap, n = 90)",),
        plan=("Trials are ranked by accuracy on 90 valid rows; among equal ones by log-loss.",),
    )


WINNER = "minilm-3.t1.int8.int8-embeddings"


def decision() -> Decision:
    """Two variants at three prices."""
    standings = []
    for variant, base in ((WINNER, 0.36), ("minilm.t0.int8.int8-embeddings", 0.33)):
        for price, worth in ((2.0, 0.14), (4.0, 0.0), (6.0, -0.13)):
            share = base + worth
            profit = 50_000 * share * (price - 0.8)
            best = variant == WINNER and price == 4.0
            standings.append(
                Standing(
                    variant=variant, price=price, share=share, share_low=share - 0.06, share_high=share + 0.06,
                    value=profit, value_low=0.8 * profit, value_high=1.2 * profit, probability_kept=0.99,
                    probability_best=0.61 if best else 0.078, feasible=True, reason="",
                )
            )  # fmt: skip
    standings.append(
        Standing(
            variant="minilm.t0.int8", price=4.0, share=None, share_low=None, share_high=None, value=None,
            value_low=None, value_high=None, probability_kept=0.02, probability_best=0.0, feasible=False,
            reason="size_mb <= 30 is broken: 42.77 MB",
        )
    )  # fmt: skip
    return Decision(
        goal="profit",
        standings=tuple(standings),
        winner=WINNER,
        price=4.0,
        probability_best=0.61,
        expected_regret=1210.5,
        shares={OURS: 0.36, "Hearthwren Basic": 0.31, HOSTILE: 0.22, "none": 0.11},
        binding="",
        nearest="",
        notes=("one note on the decision",),
    )


def quality() -> QualityReport:
    """90 test rows, five of them wrong."""
    errors = tuple(
        ErrorRow(
            row=500 + k, input=HOSTILE if k == 0 else f"wrong {k}", label=LABELS[k], predicted=LABELS[5 - k], score=0.9
        )
        for k in range(5)
    )
    return QualityReport(
        rows=90,
        accuracy=85 / 90,
        macro_f1=0.942,
        log_loss=0.21,
        calibration_error=0.031,
        per_class=tuple(
            ClassRow(label=label, precision=0.9333, recall=14 / 15, f1=0.9333, rows=15) for label in LABELS
        ),
        confusions=tuple((LABELS[k], LABELS[5 - k], 1) for k in range(5)),
        errors=errors,
        reliability=((0.45, 0.5, 10), (0.71, 0.8, 20), (0.93, 0.95, 30), (0.99, 1.0, 30)),
        abstained=9 / 90,
        accuracy_answered=80 / 81,
        unknown_tokens=0.004,
        truncated=1 / 90,
        slices=(
            SliceRow(name="topic 1: lamp, dim", rows=40, accuracy=0.9, low=0.7451, high=0.9738),
            SliceRow(name="short: up to 20 characters", rows=0, accuracy=None, low=0.0, high=1.0),
        ),
        sensitive=(
            SensitiveRow(
                column="age",
                groups=(
                    GroupRow(name="<b>old", rows=12, accuracy=10 / 12, low=0.4833, high=0.9851),
                    GroupRow(name="young", rows=74, accuracy=71 / 74, low=0.8703, high=0.9941),
                ),
                gap=GroupGap(value=0.1261, low=0.0, high=0.5108),
                unknown=4,
            ),
        ),
    )


def settlement() -> Settlement:
    """A kept contract."""
    found = [
        replace(measured("accuracy", 85 / 90, 0.876, 0.98, 90), confidence=0.975),
        measured("latency_p95_ms", 1.82, 1.73, 2.04, 2000),
        measured("size_mb", 17.5, 17.5, 17.5, 1),
    ]
    return Settlement(
        status="shipped", variant=WINNER, opening=1, level=0.025, contract=Contract.of(NEEDS, found),
        quality=quality(), reason="",
    )  # fmt: skip


def promotion() -> Promotion:
    """A promoted challenger."""
    return Promotion(
        status="promoted",
        reason="promoted: the challenger is better on audited traffic and keeps every promise.",
        champion="ee" * 32,
        challenger="cd" * 32,
        comparison=Comparison(
            champion="ee" * 32, challenger="cd" * 32, pairs=220, excluded=4, simulated=220, champion_right=190,
            challenger_right=209, only_champion=2, only_challenger=21, e_better=1893.2, e_harm=0.001,
        ),
        test=TestComparison(
            rows=90, difference=0.011, low=-0.004, high=0.03, level=0.0083, only_champion=1, only_challenger=2
        ),
        contract=settlement().contract,
    )  # fmt: skip


def batch() -> FeedbackBatch:
    """What users said."""
    return FeedbackBatch(
        rows=(
            FeedbackRow(input=HOSTILE, label=LABELS[5], origin="correction", event="e1"),
            FeedbackRow(input="play some jazz", label="music_play", origin="example", event="e2"),
        ),
        thumbs_up=40,
        thumbs_down=12,
        slices=(
            Slice(description="alarm_set", examples=("wake me", HOSTILE), rows=40, failures=14, low=0.2, high=0.52),
        ),
        proposals=("collect more examples of 'music_play': users corrected 9 predictions to it",),
        upto="e2",
    )  # fmt: skip


@pytest.fixture(scope="session")
def making(tmp_path_factory: pytest.TempPathFactory) -> Making:
    """Makes parts of stories in a workspace of its own."""
    return Making(Workspace(tmp_path_factory.mktemp("report") / "workspace"))


@pytest.fixture(scope="session")
def story(making: Making) -> Story:
    """A shipped run with a market."""
    return making.story()


@pytest.fixture(scope="session")
def learnt() -> tuple[FeedbackBatch, Promotion]:
    """What `improve` adds."""
    return batch(), promotion()


@pytest.fixture(scope="session")
def show(making: Making, tmp_path_factory: pytest.TempPathFactory) -> Callable[[Story], str]:
    """Write a report and read it back; a story that was written before is not drawn again."""
    known: dict[str, str] = {}
    folder = tmp_path_factory.mktemp("pages")

    def write(told: Story) -> str:
        key = repr(told)
        if key not in known:
            path = write_report(told, folder / "runs" / "1" / "report.html", workspace=making.workspace)
            known[key] = path.read_text(encoding="utf-8")
        return known[key]

    return write


@pytest.fixture
def write_anew(making: Making) -> Callable[[Path], Path]:
    """Make the story once more and write it, whatever was written before."""

    def write(into: Path) -> Path:
        return write_report(making.story(), into, workspace=making.workspace)

    return write
