"""Look for the best mixture of a number of classes: many starts, short runs, the best of them continued to the end."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from marketfit.demand.arrays import FloatArray
from marketfit.demand.models.degenerate import flaw_of
from marketfit.demand.models.em import MOST_EM_STEPS, Run, begin, climb, run_em
from marketfit.demand.models.mixture import Bounds
from marketfit.demand.models.panel import Panel
from marketfit.demand.progress import Progress

SHORT = 15  # steps of a short run
CONTINUED = 5  # short runs that are continued, the best first
SAME = 1e-6  # of the log-likelihood, relative: ends that are this close are the same maximum


@dataclass(frozen=True, eq=False)
class SearchSpace:
    """What the search works on.

    columns: names of the columns, each divided by its scale (columns,). logit: (columns,) coefficients of one class
    alone; they and the bounds are those of the divided columns.
    """

    panel: Panel
    bounds: Bounds
    columns: tuple[str, ...]
    scales: FloatArray
    logit: FloatArray


@dataclass(frozen=True, eq=False)
class Found:
    """The best proper maximum. None where no start led to one, or where an improper end is higher by more than a whole
    class is worth by BIC: the proper one then passes over what these classes are about.

    continued: runs that went to the end. agreed: how many of them ended at this maximum.
    note: how many ended improperly, and what was wrong with the highest of those; empty where none did.
    """

    run: Run | None
    continued: int
    agreed: int
    note: str


def search(space: SearchSpace, classes: int, starts: int, rng: np.random.Generator, advance: Progress) -> Found:
    """Short runs from random starts, then the best to convergence (Biernacki, Celeux & Govaert 2003).

    Where the best all end improperly (an empty class, infinite coefficients), the others are continued one by one
    until one ends well. advance: told the fraction done.
    """
    panel, bounds = space.panel, space.bounds
    shorts = []
    for start in range(starts):
        run = begin(panel, _membership(space, classes, start, rng), space.logit, bounds)
        shorts.append(run_em(panel, run, bounds, most=SHORT))
        advance((start + 1) / (2 * starts))
    shorts.sort(key=lambda run: -run.mixture.log_likelihood)
    proper: list[Run] = []
    flawed: list[tuple[float, str]] = []
    for number, short in enumerate(shorts):
        if number >= CONTINUED and proper:
            break
        run = climb(panel, run_em(panel, short, bounds, most=MOST_EM_STEPS), bounds)
        flaw = flaw_of(panel, run, bounds, space.columns)
        if flaw is None:
            proper.append(run)
        else:
            flawed.append((run.mixture.log_likelihood, flaw))
        advance(0.5 + (number + 1) / (2 * starts))
    advance(1.0)
    return _found(space, proper, flawed)


def _found(space: SearchSpace, proper: list[Run], flawed: list[tuple[float, str]]) -> Found:
    best = max(proper, key=lambda run: run.mixture.log_likelihood, default=None)
    highest = -np.inf if best is None else best.mixture.log_likelihood
    agreed = sum(run.mixture.log_likelihood >= highest - SAME * abs(highest) for run in proper)
    continued = len(proper) + len(flawed)
    note = ""
    if flawed:
        value, flaw = max(flawed)
        below = f"; the best proper end is {value - highest:.3f} below it" if value > highest > -np.inf else ""
        note = f"{len(flawed)} of {continued} runs end improperly, the highest at {value:.3f}: {flaw}{below}"
        worth = (len(space.columns) + 1) / 2 * np.log(space.panel.weights.sum())  # of one class, by BIC
        best = None if value > highest + worth else best
    return Found(best, continued, agreed, note)


def _membership(space: SearchSpace, classes: int, start: int, rng: np.random.Generator) -> FloatArray:
    """(classes, people) a first membership: in turn, uniform on the simplex, and by people who choose alike."""
    people = space.panel.people
    if start % 2 == 0:
        return rng.dirichlet(np.ones(classes), people).T
    tastes = _leanings(space)
    nearest = np.full(people, np.inf)
    membership = np.zeros((classes, people))
    label = np.zeros(people, dtype=np.int64)
    for index in range(classes):
        # Seeds far from each other: k-means++ (Arthur & Vassilvitskii 2007).
        chance = np.ones(people) if index == 0 else nearest
        chance = chance if chance.sum() > 0 else np.ones(people)
        seed = rng.choice(people, p=chance / chance.sum())
        distance = ((tastes - tastes[seed]) ** 2).sum(axis=1)
        closer = distance < nearest
        label[closer], nearest[closer] = index, distance[closer]
    membership[label, np.arange(people)] = 1.0
    return membership


def _leanings(space: SearchSpace) -> FloatArray:
    """(people, columns) where each person's choices pull the coefficients of everybody, in units of their error."""
    panel = space.panel
    others = panel.chances(space.logit[None, :]).others[0]
    information = panel.information(others, np.ones(panel.people))[1]
    values, vectors = np.linalg.eigh(information)
    leanings: FloatArray = panel.scores(others) @ vectors / np.sqrt(values)
    return leanings
