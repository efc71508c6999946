"""The step with a real, tiny encoder: standard variants, a trained one that the plan chose, timed in real processes."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from marketfit import registry
from marketfit.brief import Brief, load_brief
from marketfit.bundle import read_spec
from marketfit.compress import compress, extend
from marketfit.compress.material import Material
from marketfit.compress.plan import Planned
from marketfit.compress.plan.bench import Tried
from marketfit.contract import METRICS, Measurement
from marketfit.engine import Run
from marketfit.errors import BriefError
from marketfit.records.base import Folder
from marketfit.records.data import Dataset
from marketfit.records.models import Recipe, Trial, Tuned
from marketfit.records.variants import Variant, Variants
from marketfit.task import Labelled, unreported
from marketfit.testing.encoders import Shape, tiny_encoder
from marketfit.testing.fakes import tiny_dataset

step_module = sys.modules[compress.__module__]

TEXT = """\
product: tiny
task: text-classification
data: {source: data.csv, input: text, label: label}
require: {size_mb: "<= 50", latency_p95_ms: "<= 500"}
"""


NONE = Labelled(inputs=[], targets=np.zeros(0, dtype=np.int64), labels=("a", "b"))


def variant_of(run: Run) -> Variant:
    return Variant(
        name="v", trial=0, backbone="tiny", passes=(), bundle=Folder(files={}), measurements=(),
        probabilities=run.workspace.put_bytes(b"", suffix=".npy"), unknown_tokens=0.0, truncated=0.0, rejected="",
    )  # fmt: skip


@pytest.fixture
def make_brief(write_brief: Callable[..., Path]) -> Callable[[str], Brief]:
    return lambda compress: load_brief(write_brief(f"{TEXT}compress: {compress}\n"))


@pytest.fixture
def tuned(run: Run, tmp_path: Path) -> tuple[Dataset, Tuned]:
    """A fine-tuned encoder of two layers with a table that is worth 8 bits."""
    from marketfit.engine import read_split

    dataset = tiny_dataset(run)
    tiny_encoder(tmp_path / "encoder", unused=3500, shape=Shape(layers=3))
    trainer = registry.trainer("text-classification")
    backbone = trainer.backbones("encoder", base=tmp_path)[0]
    recipe = Recipe(method="probe", learning_rate=0.0, epochs=0.0)
    train = read_split(dataset, "train", run.workspace).labelled
    trainer.fit(backbone, recipe, train, tmp_path / "model", base=tmp_path, seed=0, progress=unreported)
    trial = Trial(
        number=0, backbone=backbone, recipe=recipe, status="complete", reason="", seed=0,
        model=run.workspace.put_folder(tmp_path / "model"), probabilities=None, accuracy=0.5, macro_f1=0.5,
        log_loss=1.0, fit=None,
    )  # fmt: skip
    return dataset, Tuned(trials=(trial,), finalists=(0,), comparisons=(), plan=())


@pytest.mark.parametrize(("device", "trials", "looked"), [("cpu", 0, False), ("cpu", 1, True), ("gpu", 0, True)])
def test_settings_are_looked_for_where_variants_are_planned_or_there_is_a_gpu(
    device: str,
    trials: int,
    looked: bool,
    make_brief: Callable[[str], Brief],
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    brief = make_brief(f"{{trials: {trials}}}\ntarget: {{device: {device}}}")
    monkeypatch.setattr(step_module, "started_best", lambda _brief, variant, _material, **_run: (variant, ("looked",)))
    material = Material(train=NONE, unlabelled=(), valid=NONE, groups={}, slices={})
    assert step_module._started([variant_of(run)], brief, material, run=run)[1] == ["looked"] * looked


def test_the_step_makes_standard_variants_and_what_the_plan_finds_worth_it(
    make_brief: Callable[[str], Brief], tuned: tuple[Dataset, Tuned], run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    # How variants are started has tests of its own, in real processes: test_settings, tests/loop/test_library.
    monkeypatch.setattr(step_module, "started_best", lambda _brief, variant, *_rest, **_run: (variant, ()))
    brief = make_brief("{trials: 1, minutes: 30, passes: [layer-drop, distil, int8, int8-embeddings]}")
    found = compress(brief, *tuned, run=run)
    names = [variant.name for variant in found.variants]
    assert [name.split(".t0.")[1] for name in names[:3]] == ["fp32", "int8", "int8.int8-embeddings"]
    (further,) = found.variants[3:]  # which one is worth most for its seconds depends on the machine
    assert further.passes not in {variant.passes for variant in found.variants[:3]}
    assert further.bundle.files
    timed = [variant for variant in found.variants if not variant.rejected]
    assert set(found.front) <= {variant.name for variant in timed}
    assert found.front
    for variant in found.variants:
        size = variant.measured("size_mb")
        assert size is not None
        assert sum(variant.sizes.values()) == pytest.approx(size.value)
    told = {"cost_per_1000", "energy_mj_per_prediction"}  # by a price in the brief, and by some machines
    wanted = {name for name, metric in METRICS.items() if metric.evidence == "process"} - told
    for variant in timed:
        assert wanted <= {item.metric for item in variant.measurements}
    assert all("better in everything" in variant.rejected for variant in found.variants if variant.rejected)
    assert found.every_untried is not None
    listed = run.workspace.path(found.every_untried).read_text(encoding="utf-8").splitlines()[1:]
    assert sum(group.count for group in found.untried) == len(listed) > sum(len(g.nearest) for g in found.untried)
    before = len(run.ledger.trials(_study(run)))
    again = compress(make_brief("{trials: 0}"), *tuned, run=run)
    graphs = [one.variants[0].bundle.files["model.onnx"] for one in (found, again)]
    assert graphs[0] == graphs[1]
    assert before == 4


def timed(variant: Variant, found: Sequence[Measurement]) -> Variant:
    """As `time_variants` leaves it."""
    return variant.model_copy(update={"measurements": (*variant.measurements, *found), "sittings": 1})


LOOK = {
    "latency_p50_ms": 1.0, "latency_p95_ms": 2.0, "memory_mb": 50.0, "throughput_per_s": 1000.0, "cold_start_ms": 90.0,
}  # fmt: skip


def test_what_the_plan_made_beyond_what_could_ship_is_timed_and_joins_the_others(
    make_brief: Callable[[str], Brief], tuned: tuple[Dataset, Tuned], run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every variant looks quick enough, and is not once it is timed."""
    sittings: list[list[str]] = []

    def slow(_brief: Brief, variants: Sequence[Variant], *_rest: object, **_run: object) -> tuple[list[Variant], str]:
        sittings.append([one.name for one in variants])
        figures = {**LOOK, "latency_p95_ms": 900.0}
        found = tuple(Measurement(metric=name, value=x, low=x, high=x, n=9) for name, x in figures.items())
        return [timed(one, found) for one in variants], "slow one"

    monkeypatch.setattr(step_module, "time_variants", slow)
    monkeypatch.setattr(step_module, "glance", lambda *_given, **_run: LOOK)
    monkeypatch.setattr(step_module, "started_best", lambda _brief, variant, *_rest, **_run: (variant, ()))
    brief = make_brief("{trials: 1, minutes: 30, passes: [layer-drop, int8, half]}")
    rounds = [compress(brief, *tuned, run=run)]
    while len(rounds) < 9 and (further := extend(brief, *tuned, rounds[-1], run=run)) != rounds[-1]:
        rounds.append(further)
    counts = [len(one.variants) for one in rounds]
    assert counts[0] == 3  # two standard variants and the one trial of the brief
    assert 3 < counts[-1] <= 2 + 5  # five times one trial
    assert [name for sitting in sittings for name in sitting] == [
        one.name for one in rounds[-1].variants if one.measured("latency_p95_ms")
    ]
    for before, after in itertools.pairwise(rounds):
        assert after.variants[: len(before.variants)] == before.variants
        assert after.notes[: len(before.notes)] == before.notes
        assert after.machine == "slow one"
        assert "so the plan went on" in after.notes[len(before.notes)]
    assert set(rounds[-1].front) <= {one.name for one in rounds[-1].variants}
    assert extend(make_brief("{trials: 0}"), *tuned, rounds[0], run=run) == rounds[0]


def test_what_was_beaten_by_one_that_turned_out_worse_is_timed_after_all(
    make_brief: Callable[[str], Brief], run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    exact = tuple(Measurement(metric=name, value=x, low=x, high=x, n=9) for name, x in LOOK.items())
    sittings: list[list[str]] = []

    def time(_brief: Brief, variants: Sequence[Variant], *_rest: object, **_run: object) -> tuple[list[Variant], str]:
        sittings.append([one.name for one in variants])
        return [timed(one, exact) for one in variants], "machine"

    def row(name: str, times: float) -> Tried:
        seen = {**LOOK, "latency_p50_ms": times, "latency_p95_ms": 2 * times, "throughput_per_s": 1000 / times,
                "accuracy": 1 - times / 100, "size_mb": times, "memory_mb": 50 * times}  # fmt: skip
        variant = variant_of(run).model_copy(update={"name": name, "rejected": "no memory" * (name == "failed")})
        figures = {} if variant.rejected else seen
        return Tried(trial=0, steps=(), variant=variant, figures=figures, costs=(), measuring=0.0)

    monkeypatch.setattr(step_module, "time_variants", time)
    monkeypatch.setattr(step_module, "started_best", lambda _brief, variant, *_rest, **_run: (variant, ()))
    brief, material = make_brief("{trials: 1}"), Material(train=NONE, unlabelled=(), valid=NONE, groups={}, slices={})
    rows = {name: row(name, times) for name, times in (("quick", 1.0), ("slow", 2.0), ("slowest", 9.0), ("failed", 1))}

    def told(*names: str, before: Variants) -> Variants:
        planned = Planned(tuple(rows[name] for name in names), (), ("plan",))
        return step_module._timed(brief, material, planned, before, run=run)

    first = told("quick", "slow", "slowest", "failed", before=Variants(variants=(), machine="", notes=()))
    assert [one.sittings for one in first.variants] == [1, 0, 0, 0]
    assert told(*rows, before=first) is first  # nothing has changed
    rows["quick"] = rows["quick"].model_copy(update={"figures": row("quick", 4.0).figures})
    second = told(*rows, before=first)
    assert sittings == [["quick"], ["slow"]]
    assert [one.sittings for one in second.variants] == [1, 1, 0, 0]
    assert ["better in everything" in one.rejected for one in second.variants] == [False, False, True, False]
    assert told(*rows, before=second) is second


@pytest.mark.skipif(not registry.is_installed("openvino"), reason="OpenVINO is not installed")
def test_graphs_of_standard_operators_are_made_and_looked_at_with_every_engine(
    make_brief: Callable[[str], Brief], tuned: tuple[Dataset, Tuned], run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(step_module, "time_variants", lambda _brief, variants, *_rest, **_run: (variants, "none"))
    monkeypatch.setattr(step_module, "started_best", lambda _brief, variant, *_rest, **_run: (variant, ()))
    brief = make_brief("{trials: 2, minutes: 30, passes: [standard-operators, static-int8]}")
    found = compress(brief, *tuned, run=run)
    assert {variant.passes for variant in found.variants} == {(), ("standard-operators",), ("static-int8",)}
    assert found.untried == ()
    for variant in found.variants[1:]:
        (line,) = (note for note in found.notes if note.startswith(f"{variant.name} with openvino: "))
        quick, usual = (float(part.split(" ms")[0].split()[-1]) for part in line.split(", ")[:2])
        session = read_spec(run.workspace.open_folder(variant.bundle)).session
        assert session.threads == brief.target.threads
        if session.engine == "openvino":
            assert quick <= usual


def _study(run: Run) -> str:
    from sqlalchemy import text

    with run.ledger.engine.connect() as connection:
        return str(connection.execute(text("SELECT study FROM trials LIMIT 1")).scalar())


def test_a_pass_that_is_not_registered_is_refused_with_its_line(make_brief: Callable[[str], Brief]) -> None:
    with pytest.raises(BriefError, match=r"brief.yaml:5: compress.passes.*no pass 'int9'; did you mean 'int8'"):
        make_brief("{passes: [int8, int9]}")
