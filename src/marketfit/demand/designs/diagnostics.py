"""What a design is worth before anybody answers it: balance, overlap, efficiency, and what it can tell apart."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from marketfit.demand.arrays import FloatArray, IntArray, Rng, label
from marketfit.demand.designs.balance import (
    allowed_pairs,
    imbalance,
    imbalance_of_places,
    level_counts,
    overlap,
    pair_counts,
    place_counts,
)
from marketfit.demand.designs.balanced import balanced_design
from marketfit.demand.designs.coded import Rows
from marketfit.demand.designs.design import ChoiceDesign
from marketfit.demand.designs.efficiency import (
    d_error,
    interaction_identified,
    per_respondent,
    unidentified_columns,
    variances,
)
from marketfit.demand.designs.information import log_determinants, mean_d_error
from marketfit.demand.designs.prior import Prior, vague_prior
from marketfit.demand.designs.rules import Rules
from marketfit.demand.designs.space import DesignSpace
from marketfit.demand.printing import Printed
from marketfit.errors import DataError, Problem, nearest

BASELINES = 3  # random designs that a design is measured against
QUANTILE = 1.959963984540054  # of the normal distribution at 97.5 %


@dataclass(frozen=True, eq=False, repr=False)
class DesignReport(Printed):
    """Diagnostics of a design under a prior. They are computed, not sampled, so that they have no interval.

    levels: attribute → level → how often it is shown. pairs: two attributes → (levels, levels) how often both are.
    places: attribute → (levels, alternatives) how often each level stands at each place of a task.
    level_imbalance, pair_imbalance, place_imbalance: the worst departure from the average, as a share of it; pairs of
    levels that a prohibition rules out do not count.
    overlap: attribute → share of the pairs of alternatives of a task with the same level. dominated: tasks with an
    alternative that is equal to another, or nowhere better.
    d_error: see `d_error`; d_error_random: the mean of three random balanced designs.
    respondents: for whom standard_errors are expected, column → mean over the prior's draws.
    s_estimates: column → how many respondents it takes until the coefficient is significant at 5 %, if it is as the
    prior's mean says (Bliemer & Rose 2005); infinite where that is 0.
    unidentified: columns that no number of answers to this design can tell apart; their errors are infinite.
    interactions: pair of attributes → whether their interaction can be told apart from the effects of the coding.
    """

    levels: Mapping[str, Mapping[str, int]]
    pairs: Mapping[tuple[str, str], IntArray]
    level_imbalance: float
    pair_imbalance: float
    places: Mapping[str, IntArray]
    place_imbalance: float
    overlap: Mapping[str, float]
    dominated: int
    d_error: float
    d_error_random: float
    respondents: int
    standard_errors: Mapping[str, float]
    s_estimates: Mapping[str, float]
    unidentified: tuple[str, ...]
    interactions: Mapping[tuple[str, str], bool]

    @property
    def relative_efficiency(self) -> float:
        """How many respondents of a random balanced design one respondent of this design is worth; NaN where neither
        kind can tell the coefficients apart.
        """
        if math.isinf(self.d_error):
            return math.nan if math.isinf(self.d_error_random) else 0.0
        return self.d_error_random / self.d_error

    def __str__(self) -> str:
        width = max(len(name) for name in ("coefficient", *self.standard_errors))
        lines = [
            f"D-error {self.d_error:.5g} per respondent, random balanced {self.d_error_random:.5g}: "
            f"relative efficiency {self.relative_efficiency:.3f}",
            f"worst imbalance of levels {self.level_imbalance:.1%}, of pairs of levels {self.pair_imbalance:.1%}, "
            f"of levels over the places of a task {self.place_imbalance:.1%}",
            f"tasks with a dominated alternative: {self.dominated}",
            "overlap: " + ", ".join(f"{name} {share:.1%}" for name, share in self.overlap.items()),
        ]
        lines += [f"can't be told apart: {', '.join(self.unidentified)}"] if self.unidentified else []
        lines += [
            f"interaction of {one} and {other}: {'identified' if found else 'not identified'}"
            for (one, other), found in self.interactions.items()
        ]
        lines += ["", f"{'coefficient':<{width}} {'std. error':>12} {'S-estimate':>12}"]
        lines += [
            f"{name:<{width}} {error:>12.4g} {self.s_estimates[name]:>12.4g}"
            for name, error in self.standard_errors.items()
        ]
        return "\n".join([*lines, "", f"expected standard errors: n = {self.respondents}"])


def diagnose(
    design: ChoiceDesign,
    prior: Prior | None = None,
    *,
    respondents: int = 100,
    interactions: Sequence[tuple[str, str]] = (),
    rng: Rng = 0,
    progress: Callable[[float], None] | None = None,
) -> DesignReport:
    """Diagnostics of a design: see `DesignReport`.

    prior: on the coefficients of the model that will be fitted (default: `vague_prior`). interactions: pairs of
    attributes to check. rng: for the random designs that it is measured against. progress: is called with the
    fraction done.
    Raises DataError for unknown attributes, and for a prior whose coding does not fit the design.
    """
    space = design.space
    _check(design, respondents, interactions)
    prior = vague_prior(space) if prior is None else prior
    rows = Rows.of(space, prior.coding)
    unidentified = unidentified_columns(design, rows)
    matrices = per_respondent(design, rows, prior.draws)
    errors = _standard_errors(matrices, rows, unidentified).mean(axis=0) / math.sqrt(respondents)
    at_mean = _standard_errors(per_respondent(design, rows, prior.mean[None]), rows, unidentified)[0]
    with np.errstate(divide="ignore"):
        needed = (QUANTILE * at_mean / np.abs(prior.mean)) ** 2
    columns = prior.coding.columns
    shown, pairs, places = level_counts(design), pair_counts(design), place_counts(space, design.codes)
    uneven = [imbalance(counts, allowed_pairs(design, pair)) for pair, counts in pairs.items()]
    return DesignReport(
        levels={
            name: {label(level): count for level, count in zip(space.levels[name], counts.tolist(), strict=True)}
            for name, counts in shown.items()
        },
        pairs=pairs,
        level_imbalance=max(imbalance(counts) for counts in shown.values()),
        pair_imbalance=max(uneven, default=0.0),
        places=places,
        place_imbalance=imbalance_of_places(places),
        overlap=overlap(design),
        dominated=int(Rules.of(space).dominated(design.codes).sum()),
        d_error=math.inf if unidentified else mean_d_error(log_determinants(matrices), len(columns)),
        d_error_random=_random_d_error(space, prior, rng, progress),
        respondents=respondents,
        standard_errors=dict(zip(columns, errors.tolist(), strict=True)),
        s_estimates=dict(zip(columns, needed.tolist(), strict=True)),
        unidentified=unidentified,
        interactions={pair: interaction_identified(design, rows, pair) for pair in interactions},
    )


def _standard_errors(matrices: FloatArray, rows: Rows, unidentified: tuple[str, ...]) -> FloatArray:
    """(draws, columns) for one respondent, from information (draws, columns, columns); infinite for what is not
    identified, as if its effect were not there.
    """
    known = np.array([name not in unidentified for name in rows.coding.columns])
    found = np.full((len(matrices), known.size), np.inf)
    if known.any():
        found[:, known] = np.sqrt(variances(matrices[:, known][:, :, known]))
    return found


def _random_d_error(space: DesignSpace, prior: Prior, rng: Rng, progress: Callable[[float], None] | None) -> float:
    """The mean D-error of random balanced designs."""
    errors = []
    for done, generator in enumerate(np.random.default_rng(rng).spawn(BASELINES)):
        if progress is not None:
            progress((done + 1) / (BASELINES + 1))
        errors.append(d_error(balanced_design(space, overlap="random", rng=generator), prior))
    if progress is not None:
        progress(1.0)
    return float(np.mean(errors))


def _check(design: ChoiceDesign, respondents: int, interactions: Sequence[tuple[str, str]]) -> None:
    names = design.space.names
    problems = [
        Problem(f"interaction of '{one}' and '{other}'", f"no attribute '{name}'", nearest(name, names), "rename it")
        for one, other in interactions
        for name in (one, other)
        if name not in names
    ]
    if respondents < 1:
        problems.append(Problem("respondents", f"is {respondents}", "at least 1", "ask for more"))
    if problems:
        raise DataError(problems)
