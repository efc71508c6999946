"""One fresh process that opens a bundle, answers, and says how long it took and what memory it needed.

`python -P -m marketfit.measure.probe_process` with the JSON of an `Order` on standard input gives the JSON of an
`Observed` on standard output. What this module imports is part of what it measures: nothing but the bundle.
"""

from __future__ import annotations

import base64
import itertools
import json
import os
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from marketfit.bundle import Bundle, check_unsealed, load, load_unsealed
from marketfit.bundle.layout import MANIFEST, scan
from marketfit.bundle.manifest import file_entry
from marketfit.measure.energy import POWERCAP, Meter
from marketfit.records.plain import plain, read_plain

if TYPE_CHECKING:
    from marketfit.task import Example

_STATUS = Path("/proc/self/status")


@dataclass(frozen=True)
class Order:
    """What to measure.

    `inputs` is a file with one encoded example a line, taken from line `first` (from 0) on, round and round. `cores`
    are those that the process may run on. `batches` are sizes in rising order, each tried for `batch_seconds`; one that
    is larger than `usual_batch` is left out where a single batch would take longer than `longest_batch` seconds.
    `began_ns` is the monotonic clock just before the process was started, `parent` the process that started it.
    """

    folder: str
    inputs: str
    first: int
    threads: int
    cores: tuple[int, ...]
    warm_up: int
    requests: int
    batches: tuple[int, ...]
    usual_batch: int
    longest_batch: float
    batch_seconds: float
    began_ns: int
    parent: int
    powercap: str = str(POWERCAP)


@dataclass(frozen=True)
class BatchSeen:
    """Batches of one size: rows a second, and the largest resident size so far in bytes."""

    size: int
    rows_per_second: float
    peak_bytes: int


@dataclass(frozen=True)
class Observed:
    """What one process saw: times in ns, energy of a single request in µJ (None: no counter can be read)."""

    cold_start_ns: int
    latencies_ns: tuple[int, ...]
    energy_uj: float | None
    batches: tuple[BatchSeen, ...]


def encode_example(example: Example) -> str:
    """One line of JSON for an example.

    Raises:
        TypeError: it is neither text, bytes nor a mapping of JSON values.

    >>> decode_example(encode_example(b"\\x00")), decode_example(encode_example({"a": 1}))
    (b'\\x00', {'a': 1})
    """
    if isinstance(example, str):
        return json.dumps({"text": example})
    if isinstance(example, bytes):
        return json.dumps({"bytes": base64.b64encode(example).decode()})
    if isinstance(example, Mapping):
        return json.dumps({"row": dict(example)})
    raise TypeError(f"an example is text, bytes or a mapping, not a {type(example).__name__}")


def decode_example(line: str) -> Example:
    """The example of a line."""
    content = json.loads(line)
    if "bytes" in content:
        return base64.b64decode(content["bytes"])
    return content["text"] if "text" in content else content["row"]


def observe(order: Order) -> Observed:
    """Cold start, then requests one by one, then batches of rising size.

    Raises:
        BundleError: the bundle can't be opened.
        RunError: it gives no probabilities.
    """
    if order.cores and sys.platform == "linux":
        os.sched_setaffinity(0, order.cores)
    examples = _examples(Path(order.inputs), order.first)
    bundle = _open(Path(order.folder), order.threads)
    _answer(bundle, [next(examples)])
    cold_start = time.monotonic_ns() - order.began_ns
    for example in itertools.islice(examples, order.warm_up):
        _answer(bundle, [example])
    latencies = []
    for example in itertools.islice(examples, order.requests):
        began = time.perf_counter_ns()
        _answer(bundle, [example])
        latencies.append(time.perf_counter_ns() - began)
        if os.getppid() != order.parent:
            raise SystemExit("the process that wanted to know is gone")  # and the next run's times shall be undisturbed
    energy = _energy_uj(bundle, examples, order)
    return Observed(
        cold_start_ns=cold_start,
        latencies_ns=tuple(latencies),
        energy_uj=energy,
        batches=tuple(_batches(bundle, examples, order)),
    )


def peak_bytes() -> int:
    """The largest resident size that this process has had."""
    if _STATUS.is_file():
        for line in _STATUS.read_text("ascii", "replace").splitlines():
            if line.startswith("VmHWM:"):
                return 1024 * int(line.split()[1])
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def _open(folder: Path, threads: int) -> Bundle:
    if (folder / MANIFEST).is_file():
        return load(folder, threads=threads)
    # A variant ships sealed, and opening that hashes and walks every file first: its cold start has to count that.
    check_unsealed(folder)
    for name in scan(folder)[0]:
        file_entry(folder / name)
    return load_unsealed(folder, threads=threads)


def _answer(bundle: Bundle, examples: list[Example]) -> None:
    if bundle.labels:
        bundle.predict(examples)
    else:
        bundle.embed(examples)


def _energy_uj(bundle: Bundle, examples: Iterator[Example], order: Order) -> float | None:
    """µJ of one request, over enough of them that the counter's steps of about a millisecond do not matter."""
    meter = Meter.of(Path(order.powercap))
    before = meter.read() if meter else None
    if meter is None or before is None:
        return None
    answered = 0
    until = time.perf_counter() + order.batch_seconds
    while time.perf_counter() < until:
        _answer(bundle, [next(examples)])
        answered += 1
    after = meter.read()
    spent = 0 if after is None else meter.spent(before, after)
    return spent / answered if spent and answered else None  # a counter that stands still has measured nothing


def _batches(bundle: Bundle, examples: Iterator[Example], order: Order) -> Iterator[BatchSeen]:
    rate = float("inf")
    for size in order.batches:
        if size <= order.usual_batch or size <= rate * order.longest_batch:
            rate = _rows_per_second(bundle, examples, size, order.batch_seconds)
            yield BatchSeen(size=size, rows_per_second=rate, peak_bytes=peak_bytes())


def _rows_per_second(bundle: Bundle, examples: Iterator[Example], size: int, seconds: float) -> float:
    """Whole batches until the time is over, the first one apart: it warms up."""
    rows = spent = 0
    for count in itertools.count():
        batch = list(itertools.islice(examples, size))
        began = time.perf_counter_ns()
        _answer(bundle, batch)
        if count:
            spent += time.perf_counter_ns() - began
            rows += len(batch)
            if spent >= 1e9 * seconds:
                break
    return 1e9 * rows / spent


def _examples(path: Path, first: int) -> Iterator[Example]:
    """Lines are decoded one by one: a file of pictures must not count as the bundle's memory."""
    skip = first
    while True:
        with path.open(encoding="utf-8") as lines:
            for line in itertools.islice(lines, skip, None):
                yield decode_example(line)
        skip = 0


def main() -> None:
    """Read the order, write what was observed."""
    sys.stdout.write(json.dumps(plain(observe(read_plain(Order, json.load(sys.stdin))))) + "\n")


if __name__ == "__main__":
    main()
