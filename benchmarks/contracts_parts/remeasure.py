"""One fresh process that loads a sealed bundle and measures it again: the order as JSON on standard input.

It knows nothing of marketfit but `load`, and takes times and memory itself: single requests, batches, and the answers
to rows that neither the choice nor the proof has seen. Its standard output is metric → value.
"""

import json
import os
import re
import sys
import time
from pathlib import Path

import marketfit

WARM_UP, REQUESTS = 40, 400
USUAL = (1, 8, 32)  # memory is the peak after batches of these sizes
BATCH_SECONDS = 0.25
SCORED = 64  # rows a batch where only the answers count


def main() -> None:
    """Cold start, single requests, batches, answers."""
    order = json.load(sys.stdin)
    os.sched_setaffinity(0, order["cores"])
    rows = json.loads(Path(order["rows"]).read_text("utf-8"))
    first = order["first"] % len(rows)
    texts = [text for text, _label in rows[first:] + rows[:first]]
    bundle = marketfit.load(order["bundle"])
    bundle.predict(texts[:1])
    found = {"cold_start_ms": (time.monotonic_ns() - order["began_ns"]) / 1e6}
    for text in texts[:WARM_UP]:
        bundle.predict([text])
    found |= latencies(bundle, texts)
    rates = {size: rows_per_second(bundle, texts, size) for size in USUAL}
    found["memory_mb"] = peak_mb()
    size = batch_size(bundle)
    found["throughput_per_s"] = rates[size] if size in rates else rows_per_second(bundle, texts, size)
    if order["answers"]:
        found["accuracy"] = accuracy(bundle, rows)
        found["size_mb"] = sum(file.stat().st_size for file in Path(order["bundle"]).rglob("*") if file.is_file()) / 1e6
    json.dump(found, sys.stdout)


def latencies(bundle: marketfit.Bundle, texts: list[str]) -> dict[str, float]:
    """The median and the 95th percentile of single requests, ms."""
    times = []
    for number in range(REQUESTS):
        began = time.perf_counter_ns()
        bundle.predict([texts[(WARM_UP + number) % len(texts)]])
        times.append((time.perf_counter_ns() - began) / 1e6)
    times.sort()
    return {"latency_p50_ms": times[REQUESTS // 2 - 1], "latency_p95_ms": times[REQUESTS * 95 // 100 - 1]}


def batch_size(bundle: marketfit.Bundle) -> int:
    """The size that its throughput was promised at."""
    assert bundle.contract is not None
    for clause in bundle.contract.clauses:
        if clause.requirement.metric == "throughput_per_s" and clause.measurement is not None:
            named = re.match(r"batches of (\d+)", clause.measurement.conditions)
            assert named is not None, clause.measurement.conditions
            return int(named[1])
    return USUAL[-1]


def rows_per_second(bundle: marketfit.Bundle, texts: list[str], size: int) -> float:
    """Whole batches until the time is over, the first one apart."""
    place, rows, spent = size, 0, 0.0
    bundle.predict(texts[:size])
    while spent < BATCH_SECONDS:
        batch = [texts[(place + offset) % len(texts)] for offset in range(size)]
        place += size
        began = time.perf_counter()
        bundle.predict(batch)
        spent += time.perf_counter() - began
        rows += size
    return rows / spent


def peak_mb() -> float:
    """The largest resident size so far, in MB."""
    status = Path("/proc/self/status").read_text("ascii", "replace")
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return 1024 * int(line.split()[1]) / 1e6


def accuracy(bundle: marketfit.Bundle, rows: list[list[str]]) -> float:
    """Share of rows that are labelled right."""
    right = 0
    for start in range(0, len(rows), SCORED):
        batch = rows[start : start + SCORED]
        said = bundle.predict([text for text, _label in batch])
        right += sum(answer.label == label for answer, (_text, label) in zip(said, batch, strict=True))
    return right / len(rows)


if __name__ == "__main__":
    main()
