"""Small encoders on a plain processor: every engine on the same fine-tuned model, in one run. Prints two tables.

    python benchmarks/compress.py [--work DIR] [--quick] [--rounds N] [--no-students]
    python benchmarks/compress.py --data ../shared/data/medquad.parquet --input answer --no-students --tokens 111

CLINC150, in-scope test rows, or another parquet of labelled texts (`compress_parts.prepare.read_rows` says which rows
of it). Where these are short, a second table is about long inputs, joined from them. Everything is made once and kept
in DIR. Then engines are measured in fresh processes that take turns round by round: one thread for latency, memory and
cold start, two for throughput. Peers that are not part of marketfit's extras (nncf, model2vec) are left out where they
are not installed, and named.
`--quick` trains on few rows and measures briefly: its figures mean nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from compress_parts.engines import ENCODERS, ENGINES, FILES, LENGTH, STUDENTS, missing  # noqa: E402
from compress_parts.hardware import Shape, operations, peak_operations, shapes_of  # noqa: E402
from compress_parts.prepare import DATA, Table, prepare, read_rows  # noqa: E402
from compress_parts.worker import SIZES  # noqa: E402

from marketfit.measure.compare import compare_scores  # noqa: E402
from marketfit.measure.machine import fingerprint  # noqa: E402
from marketfit.task import Labelled  # noqa: E402

FULL = "pipeline fp32"
THREADS = 2
ORDERS = 10  # long inputs of each intent


@dataclass
class Found:
    """What the processes of one engine said."""

    latencies: list[float] = field(default_factory=list)
    floors: list[float] = field(default_factory=list)  # ms of the products alone, median of each process
    above: list[float] = field(default_factory=list)  # ms of its median request above that
    cold: list[float] = field(default_factory=list)
    memory: list[float] = field(default_factory=list)
    rates: dict[int, list[float]] = field(default_factory=dict)
    answers: list[int] = field(default_factory=list)

    @property
    def best(self) -> tuple[int, float]:
        """The fastest batch size and its median rate."""
        medians = {size: float(np.median(rates)) for size, rates in self.rates.items()}
        return max(medians.items(), key=lambda item: item[1])


@dataclass(frozen=True)
class Effort:
    """How long is measured."""

    rounds: int
    requests: int
    seconds: float


def main() -> int:
    """Prepare, measure, tell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    kept = HERE / "marketfit-workspace" / "compress"
    parser.add_argument("--work", type=Path, default=kept, help="where what is made once is kept")
    parser.add_argument("--data", type=Path, default=DATA, help="parquet of labelled texts")
    parser.add_argument("--input", default="text", help="its column of texts")
    parser.add_argument("--label", default="label", help="its column of labels")
    parser.add_argument("--tokens", type=int, default=12, help="of the products alone")
    parser.add_argument("--quick", action="store_true", help="a smoke run on few rows")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--no-students", action="store_true", help="leave out what is trained from the full model")
    options = parser.parse_args()
    source = Table(options.data, options.input, options.label)
    work = source.folder(options.work, quick=options.quick)
    work.mkdir(parents=True, exist_ok=True)
    effort = Effort(1, 30, 0.05) if options.quick else Effort(options.rounds, 400, 1.0)
    rows = read_rows(source, quick=options.quick)
    prepare(work, rows, quick=options.quick, students=not options.no_students)
    left_out = {*missing(), *(STUDENTS if options.no_students else ())}
    engines = [name for name in ENGINES if name not in left_out]
    texts = [str(text) for text in rows.test.inputs]
    (work / "texts.json").write_text(json.dumps(texts), "utf-8")
    mean = float(np.mean(token_counts(texts, work)))
    peak = peak_operations(threads=THREADS)
    shapes = {name: shapes_of(work / ENCODERS[name]) for name in engines if name in ENCODERS}
    found = measure(engines, work, "texts.json", effort, shapes, tokens=options.tokens)
    right = {name: np.array(seen.answers) == rows.test.targets for name, seen in found.items()}
    tell(f"Machine: {fingerprint()}; {THREADS} threads for throughput.")
    counts = f"{len(rows.train.inputs):,} training and {len(texts):,} test rows, {len(rows.test.labels)} labels"
    tell(f"{options.data.stem}: {counts}, {mean:.1f} tokens.")
    alone = f"products alone: {options.tokens} tokens, one thread, in turns with the requests"
    tell(f"int8 peak {peak / 1e9:,.0f} Gop/s; {alone}.")
    tell("\n" + table(found, right, work, shares={
        name: operations(mean, made) * found[name].best[1] / peak for name, made in shapes.items()
    }))  # fmt: skip
    for name, packages in missing().items():
        tell(f"Not measured: {name} ({', '.join(packages)} not installed).")
    if mean < LENGTH / 2:
        long = lengthened(rows.test, work)
        (work / "long.json").write_text(json.dumps(list(long.inputs)), "utf-8")
        tell(f"\n{len(long.inputs):,} inputs of {LENGTH} tokens\n")
        tell(long_table(measure(engines, work, "long.json", effort, {}, tokens=LENGTH), long.targets))
    return 0


def lengthened(test: Labelled, work: Path) -> Labelled:
    """Utterances of one intent joined until they fill the length, in `ORDERS` random orders of each intent's.

    An engine cuts what is too much. Inputs of one intent share utterances: intervals are over intents.
    """
    counts = token_counts([str(text) for text in test.inputs], work)
    rng = np.random.default_rng(0)
    made, targets = [], []
    for _ in range(ORDERS):
        for target in np.unique(test.targets).tolist():
            places = rng.permutation(np.flatnonzero(test.targets == target)).tolist()
            filled = np.cumsum([counts[place] - 2 for place in places]) >= LENGTH - 2  # the marks are there once
            needed = int(filled.argmax()) + 1 if filled.any() else len(places)
            made.append(" ".join(str(test.inputs[place]) for place in places[:needed]))
            targets.append(target)
    return Labelled(inputs=made, targets=np.array(targets), labels=test.labels)


def token_counts(texts: Sequence[str], work: Path) -> list[int]:
    """Tokens of every text, the marks at both ends included."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(work / "tuned" / "tokenizer.json"))
    return [len(encoding.ids) for encoding in tokenizer.encode_batch(list(texts))]


def measure(
    engines: Sequence[str],
    work: Path,
    texts: str,
    effort: Effort,
    shapes: Mapping[str, Sequence[Shape]],
    *,
    tokens: int,
) -> Mapping[str, Found]:
    """Every engine in turns: in each round one process of one thread, and one of two.

    `shapes` of an engine's products: they are timed alone, for so many tokens, beside its requests.
    """
    found = {name: Found() for name in engines}
    usable = sorted(os.sched_getaffinity(0))
    for number in range(effort.rounds):
        names = list(found)
        start = number % len(names)
        for name in names[start:] + names[:start]:
            seen = found[name]
            order = {"engine": name, "work": str(work), "texts": str(work / texts), "first": 97 * number,
                     "seconds": effort.seconds, "shapes": shapes.get(name, ()), "tokens": tokens}  # fmt: skip
            one = process(order | {"threads": 1, "cores": usable[number % len(usable) :][:1], "answers": False,
                                   "requests": effort.requests, "sizes": [1, 32]})  # fmt: skip
            two = process(order | {"threads": THREADS, "cores": usable[:THREADS], "answers": number == 0,
                                   "requests": 0, "sizes": list(SIZES)})  # fmt: skip
            seen.latencies += one["latencies_ms"]
            if one["floor_ms"]:
                seen.floors.append(float(np.median(one["floor_ms"])))
                seen.above.append(float(np.median(one["latencies_ms"])) - seen.floors[-1])
            seen.cold.append(one["cold_ms"])
            seen.memory.append(one["memory_mb"])
            for size, rate in two["rates"].items():
                seen.rates.setdefault(int(size), []).append(rate)
            seen.answers += two.get("answers", [])
            sys.stderr.write(f"round {number + 1} of {effort.rounds}: {name}\n")
    return found


def process(order: dict[str, object]) -> dict:  # type: ignore[type-arg]
    """One fresh process."""
    threads = str(order["threads"])
    limits = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS"), threads)
    path = os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-m", "compress_parts.worker"],
        input=json.dumps(order | {"began_ns": time.monotonic_ns()}), capture_output=True, text=True, check=False,
        env={**os.environ, **limits, "PYTHONPATH": path, "TOKENIZERS_PARALLELISM": "true"}, cwd=HERE,
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(f"{order['engine']}: {done.stderr.strip()[-2000:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def size_mb(path: Path) -> float:
    """All bytes of a file or a folder, over 10⁶."""
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return sum(file.stat().st_size for file in files) / 1e6


def table(
    found: Mapping[str, Found], right: Mapping[str, NDArray[np.bool_]], work: Path, *, shares: Mapping[str, float]
) -> str:
    """The first table, as Markdown. `shares`: of the machine's int8 peak."""
    head = (
        "engine", "p50 ms", "p95 ms", "products alone ms", "above them ms", "per s (batch)", "accuracy",
        "difference, points (lower bound)", "MB resident", "cold start s", "MB shipped",
        "of int8 peak", "faster at p50", "throughput",
    )  # fmt: skip
    full, lines = found[FULL], []
    for name, seen in found.items():
        p50, p95 = np.quantile(seen.latencies, [0.5, 0.95])
        size, rate = seen.best
        paired = compare_scores(right[name], right[FULL], confidence=0.95, seed=0)
        lines.append((
            name, f"{p50:.3f}", f"{p95:.3f}", median(seen.floors), median(seen.above),
            f"{rate:,.0f} ({size})", f"{100 * right[name].mean():.2f}",
            f"{100 * paired.difference:+.2f} ({100 * paired.low:+.2f})", f"{np.median(seen.memory):.0f}",
            f"{np.median(seen.cold) / 1e3:.2f}", f"{size_mb(work / FILES[name]):.1f}",
            f"{shares[name]:.1%}" if name in shares else "–",
            f"{np.median(full.latencies) / p50:.1f} ×", f"{rate / full.best[1]:.1f} ×",
        ))  # fmt: skip
    return markdown(head, lines)


def median(values: Sequence[float]) -> str:
    """Of the rounds; a dash where there is none."""
    return f"{np.median(values):.3f}" if values else "–"


def long_table(found: Mapping[str, Found], targets: NDArray[np.int64]) -> str:
    """Throughput and accuracy on long inputs; the differences of intents are what is resampled."""
    full, lines = found[FULL], []
    intents = np.unique(targets)
    share = {
        name: np.array([(np.array(seen.answers)[targets == intent] == intent).mean() for intent in intents])
        for name, seen in found.items()
    }
    for name, seen in found.items():
        size, rate = seen.best
        paired = compare_scores(share[name], share[FULL], confidence=0.95, seed=0)
        lines.append((
            name, f"{np.median(seen.latencies):.2f}", f"{rate:,.0f} ({size})", f"{rate / full.best[1]:.1f} ×",
            f"{100 * share[name].mean():.2f}", f"{100 * paired.difference:+.2f} ({100 * paired.low:+.2f})",
        ))  # fmt: skip
    return markdown(
        ("engine", "p50 ms", "per s (batch)", "throughput", "accuracy", "difference, points (lower bound)"), lines
    )


def markdown(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """A table."""
    rows = [head, ["---"] * len(head), *lines]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def tell(text: str) -> None:
    """Print at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
