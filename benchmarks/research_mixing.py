"""How well chains of hierarchical Bayes mix: effective draws and processor time on ten surveys.

    python benchmarks/research_mixing.py [--iterations 6000] [--only TEXT] [--data DIR]

Four chains of each survey run one after the other in this process, on one core. One is real (electricity suppliers),
nine are made up: designs at random over three levels, tastes normal with a spread of 0.7, the same data each time. To
compare two versions, let both run at once, each from a checkout of its own (`PYTHONPATH=CHECKOUT/src`), on a core each.

Effective draws are those of the means and covariances of the population (Vehtari et al. 2021), all chains together.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from unittest import mock

import numpy as np
import numpy.typing as npt

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from research_parts.surveys import electricity  # noqa: E402

import marketfit  # noqa: E402
from marketfit.demand import ChoiceData, fit_hb  # noqa: E402
from marketfit.demand.models.hierarchical import fit  # noqa: E402
from marketfit.demand.models.hierarchical.chain import ChainDraws, Length, Posterior, run_chain  # noqa: E402
from marketfit.demand.models.hierarchical.convergence import effective_size, r_hat  # noqa: E402

DATA = HERE.parent.parent / "shared" / "data"
SEEDS = (21, 22, 23, 24)
DRAWS = 3000
SPREAD = 0.7
MADE_UP = (
    (300, 10, 3, 3, 1), (300, 3, 3, 4, 2), (200, 6, 3, 5, 1), (300, 20, 3, 6, 2), (500, 4, 4, 8, 5), (400, 8, 3, 9, 5),
    (150, 10, 4, 12, 3), (200, 16, 4, 12, 3), (300, 12, 3, 20, 6),
)  # fmt: skip
"""People, tasks, alternatives, coefficients, seed."""


class _TakenError(Exception):
    """The posterior that `fit_hb` would sample from."""

    def __init__(self, posterior: Posterior) -> None:
        super().__init__()
        self.posterior = posterior


def main() -> int:
    """A line of Markdown for each survey."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--iterations", type=int, default=6000)
    parser.add_argument("--only", default="", help="surveys whose name has this text")
    parser.add_argument("--data", type=Path, default=DATA)
    options = parser.parse_args()
    sys.stdout.write(f"{Path(marketfit.__file__).parent}: {len(SEEDS)} chains of {options.iterations:,} iterations\n\n")
    sys.stdout.write("| survey | seconds | worst | a tenth below | median | median per second | R-hat |\n")
    sys.stdout.write("| --- | --- | --- | --- | --- | --- | --- |\n")
    names = ["electricity", *(named(one) for one in MADE_UP)]
    for place, name in enumerate(names):
        if options.only in name:
            data = made_up(*MADE_UP[place - 1]) if place else electricity(options.data)
            sys.stdout.write(line(name, data, options.iterations) + "\n")
            sys.stdout.flush()
    return 0


def named(survey: Sequence[int]) -> str:
    """How a survey is called."""
    people, tasks, alternatives, columns, _seed = survey
    return f"{people} × {tasks} × {alternatives}, {columns}"


def made_up(people: int, tasks: int, alternatives: int, columns: int, seed: int) -> ChoiceData:
    """Choices of people with tastes of their own."""
    rng = np.random.default_rng(seed)
    design = rng.integers(0, 3, (people, tasks, alternatives, columns)).astype(float)
    tastes = rng.normal(0, SPREAD, (people, columns)) + np.linspace(-1, 1, columns)
    utility = np.einsum("ptak,pk->pta", design, tastes) + rng.gumbel(size=(people, tasks, alternatives))
    chosen = utility == utility.max(axis=2, keepdims=True)
    names = [f"x{place}" for place in range(columns)]
    table: dict[str, npt.NDArray[np.generic]] = {
        "who": np.repeat(np.arange(people), tasks * alternatives),
        "task": np.repeat(np.arange(people * tasks), alternatives),
        "alternative": np.tile(np.arange(alternatives), people * tasks),
        "won": chosen.astype(int).ravel(),
        **{name: design[..., place].ravel() for place, name in enumerate(names)},
    }
    return ChoiceData.from_table(
        table, respondent="who", task="task", alternative="alternative", chosen="won", attributes=names
    )


def line(name: str, data: ChoiceData, iterations: int) -> str:
    """What its chains took, and how many draws they are worth."""
    posterior = posterior_of(data)
    length = Length(iterations, iterations // 2, min(DRAWS, iterations - iterations // 2), 10)
    began = time.process_time()
    chains = [run_chain(posterior, length, seed, lambda: None) for seed in SEEDS]
    seconds = time.process_time() - began
    draws = np.stack([parameters(chain) for chain in chains])
    sizes = np.array([effective_size(draws[:, :, place]) for place in range(draws.shape[2])])
    worst = max(r_hat(draws[:, :, place]) for place in range(draws.shape[2]))
    low, tenth, middle = np.quantile(sizes, [0.0, 0.1, 0.5])
    figures = f"{seconds:.1f} | {low:,.0f} | {tenth:,.0f} | {middle:,.0f} | {middle / seconds:.0f} | {worst:.3f}"
    return f"| {name} | {figures} |"


def posterior_of(data: ChoiceData) -> Posterior:
    """What chains draw from, as `fit_hb` makes it."""

    def take(posterior: Posterior, *_more: object) -> None:
        raise _TakenError(posterior)

    with mock.patch.object(fit, "run_chains", take):
        try:
            fit_hb(data)
        except _TakenError as taken:
            return taken.posterior
    raise AssertionError("fit_hb ran no chains")


def parameters(chain: ChainDraws) -> npt.NDArray[np.float64]:
    """(draws, parameters) means, variances and covariances of the population."""
    below = np.tril_indices(chain.means.shape[1])
    return np.concatenate([chain.means, chain.covariances[:, below[0], below[1]]], axis=1)


if __name__ == "__main__":
    sys.exit(main())
