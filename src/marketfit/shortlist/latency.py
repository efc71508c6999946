"""The latency floor: what a backbone takes for one request without a head, in float32 as it is and at int8."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from marketfit.bundle import Bundle
from marketfit.bundle.layout import GRAPH
from marketfit.measure.process_metrics import LATENCIES
from marketfit.measure.quantise import has_vnni, quantise
from marketfit.shortlist.options import LATENCY_REQUESTS, LATENCY_ROUNDS
from marketfit.task import Example, Progress


def int8_form(embedder: Path, into: Path) -> Path | None:
    """A copy of a headless bundle whose products are of 8-bit integers; None where the quantiser can't take its graph,
    or finds no product in it.

    It answers a little differently, which does not matter here: only its time is asked for.
    """
    shutil.copytree(embedder, into, ignore=shutil.ignore_patterns(GRAPH))
    try:
        quantise(embedder / GRAPH, into / GRAPH, reduced=not has_vnni())
    except Exception:  # the quantiser fails in its own ways; then there is nothing to time
        return None
    return into if _is_quantised(into / GRAPH) else None


def _is_quantised(path: Path) -> bool:
    import onnx

    graph = onnx.load(str(path), load_external_data=False).graph
    return any(node.op_type == "DynamicQuantizeLinear" for node in graph.node)


def latencies(bundles: Sequence[Bundle], inputs: Sequence[Example], *, progress: Progress) -> list[Mapping[str, float]]:
    """Milliseconds of one request, raw input to features: latency metric → its quantile, for each bundle.

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
    return [
        {metric: float(np.quantile(of_bundle, quantile)) for metric, quantile in LATENCIES.items()}
        for of_bundle in times
    ]
