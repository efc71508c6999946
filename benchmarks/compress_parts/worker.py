"""One fresh process that loads one engine and says how long it took: the order as JSON on standard input."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import numpy as np

from compress_parts.engines import ENGINES

SIZES = (1, 8, 32, 128)
MEMORY_UP_TO = 32  # the peak of resident memory is taken after batches of this size


def peak_mb() -> float:
    """The largest resident size so far, in MB."""
    status = Path("/proc/self/status").read_text("ascii", "replace")
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return 1024 * int(line.split()[1]) / 1e6


def main() -> None:
    """Cold start, single requests, batches by size, and the predictions if they are asked for."""
    order = json.load(sys.stdin)
    os.sched_setaffinity(0, order["cores"])
    texts = json.loads(Path(order["texts"]).read_text("utf-8"))
    engine = ENGINES[order["engine"]](Path(order["work"]), order["threads"])
    engine(texts[:1])
    found: dict[str, object] = {"cold_ms": (time.monotonic_ns() - order["began_ns"]) / 1e6}
    first = order["first"] % len(texts)
    turned = texts[first:] + texts[:first]
    for text in turned[:20]:
        engine([text])
    latencies = []
    for number in range(order["requests"]):
        began = time.perf_counter_ns()
        engine([turned[number % len(turned)]])
        latencies.append((time.perf_counter_ns() - began) / 1e6)
    found["latencies_ms"] = latencies
    rates: dict[str, float] = {}
    for size in order["sizes"]:
        rates[str(size)] = rate(engine, turned, size, order["seconds"])
        if size <= MEMORY_UP_TO:
            found["memory_mb"] = peak_mb()
    found.setdefault("memory_mb", peak_mb())
    found["rates"] = rates
    if order["answers"]:
        said = [label for start in range(0, len(texts), 64) for label in engine(texts[start : start + 64])]
        found["answers"] = np.asarray(said).tolist()
    json.dump(found, sys.stdout)


def rate(engine: object, texts: list[str], size: int, seconds: float) -> float:
    """Rows a second in batches, the first one apart."""
    assert callable(engine)
    place, rows, spent = 0, 0, 0.0
    for number in range(10**9):
        batch = [texts[(place + offset) % len(texts)] for offset in range(size)]
        place += size
        began = time.perf_counter()
        engine(batch)
        if number:
            spent += time.perf_counter() - began
            rows += size
            if spent >= seconds:
                break
    return rows / spent


if __name__ == "__main__":
    main()
