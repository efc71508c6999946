"""Choice designs of a typical plan: how efficient, how balanced, how fast; and how long the next question takes.

    python benchmarks/research_designs.py [--seeds 2] [--questions 12] [--people 10]

The plan: 6 attributes of 3, 3, 3, 4, 5 and 5 levels, two of them with a direction, one prohibited pair; 3 alternatives
and none, 12 tasks, 10 versions. The model: numbers with three or more levels piecewise linear, 18 coefficients with
the none constant. D-errors are expected over 512 draws of the prior; the design is searched on 64 of them. Bars: an
efficient design within 30 s on 2 cores, the next question within 50 ms.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable

import numpy as np

from marketfit.demand import (
    ChoiceDesign,
    DesignSpace,
    Prior,
    Prohibition,
    balanced_design,
    begin_respondent,
    diagnose,
    efficient_design,
    next_task,
    space_coding,
    vague_prior,
)
from marketfit.engine import reporter

SPACE = DesignSpace(
    {
        "brand": ("a", "b", "c", "d"),
        "support": ("mail", "phone", "visit"),
        "memory": (1.0, 2.0, 4.0),
        "hosting": ("cloud", "own", "device"),
        "accuracy": (0.8, 0.85, 0.9, 0.95, 0.99),
        "price": (1.0, 2.0, 3.0, 4.0, 5.0),
    },
    alternatives=3,
    tasks=12,
    versions=10,
    better={"accuracy": "higher", "price": "lower"},
    prohibited=(Prohibition({"hosting": "device", "memory": 1.0}),),
)


def priors() -> dict[str, Prior]:
    """Little known, and as much as a pilot would tell."""
    coding = space_coding(SPACE, dict.fromkeys(("memory", "accuracy", "price"), "piecewise"))
    means = {"brand_b": 0.6, "brand_c": -0.4, "brand_d": 0.2, "support_phone": 0.5, "support_visit": 0.8}
    means |= {"hosting_device": 0.7, "hosting_own": 0.3, "none": -0.5}
    means |= {"price_1_to_2": -0.8, "price_2_to_3": -0.5, "price_3_to_4": -0.4, "price_4_to_5": -0.3}
    return {"vague prior": vague_prior(SPACE, coding), "pilot's prior": vague_prior(SPACE, coding, means=means)}


def main() -> int:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--questions", type=int, default=12)
    parser.add_argument("--people", type=int, default=10)
    options = parser.parse_args()
    say("| prior | design | seed | D-error | relative efficiency | worst level | worst pair | mean overlap | seconds |")
    say("|---|---|---|---|---|---|---|---|---|")
    for name, prior in priors().items():
        for seed in range(options.seeds):
            for kind, make in makers(prior, seed).items():
                say(row(name, kind, seed, make, prior))
    say("")
    latencies = [took for person in range(options.people) for took in interview(person, options.questions)]
    say(f"next question: median {np.median(latencies):.1f} ms, 95 % within {np.quantile(latencies, 0.95):.1f} ms, ")
    say(f"slowest {max(latencies):.1f} ms, of {len(latencies)} questions to {options.people} simulated people")
    return 0


def makers(prior: Prior, seed: int) -> dict[str, Callable[[Callable[[float], None]], ChoiceDesign]]:
    """Kind → how such a design is made, with progress."""
    return {
        "random": lambda progress: balanced_design(SPACE, overlap="random", rng=seed, progress=progress),
        "balanced overlap": lambda progress: balanced_design(SPACE, rng=seed, progress=progress),
        "minimal overlap": lambda progress: balanced_design(SPACE, overlap="minimal", rng=seed, progress=progress),
        "efficient": lambda progress: efficient_design(SPACE, prior, rng=seed, progress=progress),
    }


def row(name: str, kind: str, seed: int, make: Callable[[Callable[[float], None]], ChoiceDesign], prior: Prior) -> str:
    """One line of the table."""
    with reporter().task(f"{kind}, seed {seed}") as progress:
        began = time.perf_counter()
        design = make(progress)
        took = time.perf_counter() - began
    report = diagnose(design, prior, rng=100)
    overlap = np.mean(list(report.overlap.values()))
    measures = (f"{report.d_error:.4f}", f"{report.relative_efficiency:.3f}", f"{report.level_imbalance:.1%}")
    cells = (name, kind, str(seed), *measures, f"{report.pair_imbalance:.0%}", f"{overlap:.1%}", f"{took:.1f}")
    return f"| {' | '.join(cells)} |"


def interview(person: int, questions: int) -> list[float]:
    """Milliseconds from each answer to the next question, the first included, for a simulated person."""
    prior = priors()["pilot's prior"]
    rng = np.random.default_rng(person)
    truth = rng.multivariate_normal(prior.mean, prior.covariance)
    took = []
    state, answer = begin_respondent(SPACE, prior, seed=person), None
    for _ in range(questions):
        began = time.perf_counter()
        state = next_task(state, answer)
        took.append(1000 * (time.perf_counter() - began))
        if state.task is not None:
            utilities = np.append(state.rows(state.task[None])[0] @ truth, 0.0)
            answer = int(np.argmax(utilities + rng.gumbel(size=utilities.size)))
    return took


def say(line: str) -> None:
    """One line of the answer."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
