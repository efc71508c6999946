"""Two fits of the same model side by side: in one process, turn by turn, so that what else runs slows both alike."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from .row import Row, judged, skipped, spread
from .settings import Settings

SAME = 0.01
"""Difference between log-likelihoods that counts as the same maximum."""

Contender: TypeAlias = Callable[[], float]
"""Fits, and gives the log-likelihood."""


@dataclass(frozen=True)
class Times:
    """Seconds of each turn, and the log-likelihood that was reached."""

    seconds: tuple[float, ...]
    log_likelihood: float


def race(contenders: Mapping[str, Contender], turns: Mapping[str, int]) -> dict[str, Times]:
    """Let each contender fit once for nothing (what is loaded then is no part of a fit), and then take its turns."""
    reached = {name: contender() for name, contender in contenders.items()}
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for turn in range(max(turns[name] for name in contenders)):
        for name, contender in contenders.items():
            if turn < turns[name]:
                began = time.perf_counter()
                contender()
                seconds[name].append(time.perf_counter() - began)
    return {name: Times(tuple(taken), reached[name]) for name, taken in seconds.items()}


@dataclass(frozen=True)
class Bar:
    """Of a race, in words. faster: a tie is a miss. needs: the settings that it depends on."""

    words: str
    faster: bool
    needs: Sequence[str] = ()


def rival(head: tuple[str, str, str], ours: Times, peer: tuple[str, Times], bar: Bar, settings: Settings) -> Row:
    """Our fit beside a peer's. head: part, what, and n. The ratio is that of turns that both took, turn by turn."""
    name, theirs = peer
    ratios = [their / our for their, our in zip(theirs.seconds, ours.seconds, strict=False)]
    middle = float(np.median(ratios))
    same = abs(theirs.log_likelihood - ours.log_likelihood) < SAME
    reached = f"log-likelihood {ours.log_likelihood:.3f}, {name}'s {theirs.log_likelihood:.3f}"
    verdict = judged(
        same and (middle > 1 if bar.faster else middle >= 1),
        departures=settings.departures(bar.needs),
        why="" if same else f"the maxima differ: {reached}",
    )
    part, what, n = head
    turns = f"{n}; {len(ours.seconds)} turns, {name} {len(theirs.seconds)}"
    cells = shown(ours.seconds), f"{name} {shown(theirs.seconds)}", spread(ratios, ".2f")
    return Row(part, what, turns, *cells, bar=bar.words, verdict=verdict)


def installed(name: str) -> bool:
    """Whether a peer can be imported; nothing of it is loaded."""
    return importlib.util.find_spec(name) is not None


def absent(part: str, what: str, peer: str, bar: Bar) -> Row:
    """The row of a peer that is not installed, with what to do."""
    return skipped(part, f"{what}, beside {peer}", f"not installed: python -m pip install {peer}", bar.words)


def shown(seconds: Sequence[float]) -> str:
    """Median and quartiles, in a unit that reads well.

    >>> shown([0.004, 0.005, 0.006])
    '5.00 (4.50 to 5.50) ms'
    """
    if np.median(seconds) < 0.1:
        return f"{spread([1000 * one for one in seconds], '.2f')} ms"
    return f"{spread(seconds, '.2f')} s"
