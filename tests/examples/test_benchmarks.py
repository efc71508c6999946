"""All benchmarks are run; what that of opinions makes of clean data, and how it tells what it found."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from marketfit.brief import load_brief
from marketfit.task import Labelled

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def script(name: str) -> ModuleType:
    """A script as a module."""
    import sys

    spec = importlib.util.spec_from_file_location(f"benchmark_{name}", BENCHMARKS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def opinions() -> ModuleType:
    return script("opinions")


@pytest.fixture(scope="module")
def clean() -> Labelled:
    targets = np.arange(6000, dtype=np.int64) % 150
    return Labelled([str(row) for row in range(6000)], targets, tuple(f"l{k:03d}" for k in range(150)))


def test_every_benchmark_is_among_all() -> None:
    files = [*BENCHMARKS.glob("*.py"), *BENCHMARKS.glob("*/run.py")]
    scripts = {str(file.relative_to(BENCHMARKS)) for file in files} - {"all.py"}
    assert sorted(script("all").SCRIPTS) == sorted(scripts)


def test_the_arms_differ_in_what_they_should(opinions: ModuleType, clean: Labelled) -> None:
    arms = opinions.material(clean, weights=[1.0, 3.0], seed=0)
    assert list(arms) == ["plain", "relabelled", "survey term, λ = 1", "survey term, λ = 3"]
    plain, relabelled, survey, heavy = arms.values()
    assert (plain.train.targets != clean.targets).mean() == pytest.approx(0.2, abs=0.02)
    consensus = survey.train.consensus
    asked = consensus.sum(axis=1) > 0
    assert asked.mean() == 0.25
    assert consensus[asked].sum(axis=1) == pytest.approx(np.ones(asked.sum()), abs=1e-5)
    assert (relabelled.train.targets == plain.train.targets)[~asked].all()
    assert (relabelled.train.targets == consensus.argmax(axis=1))[asked].all()
    # Two of three right settle it (0.896); of three different answers (0.096) one is right by chance.
    assert (relabelled.train.targets == clean.targets)[asked].mean() == pytest.approx(0.93, abs=0.02)
    assert (survey.train.targets == plain.train.targets).all()
    assert [term.weight for arm in (survey, heavy) for term in arm.terms] == [1.0, 3.0]
    assert plain.terms == relabelled.terms == ()
    assert plain.train.consensus is None


def test_seeds_give_other_noise_and_the_same_seed_the_same(opinions: ModuleType, clean: Labelled) -> None:
    first, again, other = (opinions.material(clean, weights=[1.0], seed=seed)["plain"] for seed in (0, 0, 1))
    assert (first.train.targets == again.train.targets).all()
    assert (first.train.targets != other.train.targets).any()


def test_the_table_says_what_is_gained(opinions: ModuleType) -> None:
    right = np.arange(1000)
    arms = {"plain": right < 900, "relabelled": right < 920, "survey term, λ = 1": right < 940}
    told = opinions.table([arms, arms])
    assert "| 0 | 90.00% | 92.00% | 94.00% |" in told
    assert "| survey term, λ = 1 | mean | +4.00 | +2.00 |" in told
    assert "+4.00 (+" in told


def test_the_brief_of_clinc150_asks_for_what_the_benchmark_promises() -> None:
    data = BENCHMARKS.parents[1] / "shared" / "data" / "clinc150.parquet"
    if not data.is_file():
        pytest.skip(f"the data set is not at {data}")
    brief = load_brief(BENCHMARKS / "clinc150" / "brief.yaml")
    assert [str(need) for need in brief.require] == ["accuracy >= 0.95", "latency_p95_ms <= 5", "size_mb <= 30"]
