"""One fresh process that loads one engine and says how long it took: the order as JSON on standard input."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from compress_parts.engines import ENGINES, Engine

SIZES = (1, 8, 32, 128)
TURN = 50  # requests, and as many times the products alone
MEMORY_UP_TO = 32  # the peak of resident memory is taken after batches of this size


def peak_mb() -> float:
    """The largest resident size so far, in MB."""
    status = Path("/proc/self/status").read_text("ascii", "replace")
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return 1024 * int(line.split()[1]) / 1e6


def main() -> None:
    """Cold start, batches by size, memory, single requests, and the predictions if they are asked for."""
    order = json.load(sys.stdin)
    os.sched_setaffinity(0, order["cores"])
    texts = json.loads(Path(order["texts"]).read_text("utf-8"))
    engine = ENGINES[order["engine"]](Path(order["work"]), order["threads"])
    engine(texts[:1])
    found: dict[str, object] = {"cold_ms": (time.monotonic_ns() - order["began_ns"]) / 1e6}
    first = order["first"] % len(texts)
    turned = texts[first:] + texts[:first]
    # Single requests are of texts that the process has not seen: ours keeps the ids of words that it has.
    half = min(order["requests"], len(turned) // 2)
    alone, others = turned[:half], turned[half:]
    for text in others[:20]:
        engine([text])
    rates: dict[str, float] = {}
    for size in order["sizes"]:
        rates[str(size)] = rate(engine, others, size, order["seconds"])
        if size <= MEMORY_UP_TO:
            found["memory_mb"] = peak_mb()
    found.setdefault("memory_mb", peak_mb())
    found["rates"] = rates
    found["latencies_ms"], found["floor_ms"] = requests(engine, alone, order["shapes"], tokens=order["tokens"])
    if order["answers"]:
        said = [label for start in range(0, len(texts), 64) for label in engine(texts[start : start + 64])]
        found["answers"] = np.asarray(said).tolist()
    json.dump(found, sys.stdout)


def requests(
    engine: Engine, texts: Sequence[str], shapes: Sequence[tuple[int, int]], *, tokens: int
) -> tuple[list[float], list[float]]:
    """Milliseconds of single requests, and of the engine's products alone, in turns: the machine has slow seconds."""
    # Imported here: an engine's cold start and memory are its own.
    from compress_parts.hardware import products

    alone = products(rows=tokens, shapes=shapes, threads=1) if shapes and texts else None
    taken, floor = [], []
    for number, text in enumerate(texts):
        began = time.perf_counter_ns()
        engine([text])
        taken.append((time.perf_counter_ns() - began) / 1e6)
        if alone and number % TURN == TURN - 1:
            floor += [1e3 * alone() for _ in range(TURN)]
            for again in texts[number - 4 : number + 1]:  # what the engine needs is in the caches again
                engine([again])
    return taken, floor


def rate(engine: Engine, texts: list[str], size: int, seconds: float) -> float:
    """Rows a second in batches, the first one apart."""
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
