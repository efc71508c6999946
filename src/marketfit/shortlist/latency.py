"""The latency floor: what a backbone takes for one request as it is, in float32 and without a head."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from marketfit.bundle import Bundle
from marketfit.shortlist.options import LATENCY_REQUESTS, LATENCY_ROUNDS
from marketfit.task import Example, Progress


def median_latencies(bundles: Sequence[Bundle], inputs: Sequence[Example], *, progress: Progress) -> list[float]:
    """The median milliseconds of one request, raw input to features, for each bundle.

    Bundles take turns round by round. This runs in our own process: it ranks, and the contract is measured anew.
    """
    times: list[list[float]] = [[] for _ in bundles]
    for round_number in range(LATENCY_ROUNDS + 1):
        for place, bundle in enumerate(bundles):
            for request in range(LATENCY_REQUESTS):
                example = inputs[(round_number * LATENCY_REQUESTS + request) % len(inputs)]
                began = time.perf_counter()
                bundle.embed([example])
                times[place].append(1e3 * (time.perf_counter() - began))
            if round_number == 0:
                times[place].clear()  # the first round warms up
        progress((round_number + 1) / (LATENCY_ROUNDS + 1))
    return [float(np.median(of_bundle)) for of_bundle in times]
