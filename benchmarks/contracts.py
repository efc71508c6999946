"""Is every promise kept? Random contracts on one model: shipped or refused, and what shipped is measured again.

    python benchmarks/contracts.py [--contracts 50] [--minutes 1] [--lanes 1] [--work DIR] [--quick]

Rows: CLINC150 in scope (`--data`: another parquet with the columns text and label). Of 15 rows of each label 5 train a
classifier once (the first three layers of MiniLM under transformers' own head), 8 go to marketfit, and 2 are held back:
only the re-measurement sees them.

Contracts: `marketfit compress` under bounds that everything keeps, ranked by accuracy, then by the median time, then by
size, gives the known variants and their Pareto set. Each contract has 2 to 4 of accuracy, p50, p95, throughput, memory,
cold start and size, in random order, around a random member of that set: its value times a factor that is log-uniform
from 0.7 to 1.4 in the metric's direction; accuracy from 1.5 points above its own to 3 points below, uniformly. Contract
n of seed 4 is always the same one, given the set.

Each contract is put to `marketfit compress MODEL --require …` in a copy of one workspace, whose test rows nobody has
opened: a run that had to be refused left the prepared rows and the standard variants there. All measurements that
depend on the contract are made anew.

A bundle that ships is loaded by another script in a new process, which measures each bound that was claimed `met`: one
process, and its value decides. Misses by chance count in full. Beyond chance is a miss of a time, of memory or of
throughput in five new processes of five, and one of accuracy where the exact 95 % interval on the held rows lies below
the bound. A refusal has to name a bound of the contract that is not met. A variant of the known set beats a contract by
10 % if it is a tenth better than every bound; of accuracy, if it makes at most nine tenths of the errors allowed.

What is done is kept in DIR; the same command goes on. Times mean nothing on a machine that does other work beside.
`--lanes 2` puts two contracts to the test at a time, all processes of each on a core of its own: quicker, and harder to
keep, since each disturbs the other while it is measured and measured again.
`--quick` takes few rows and 5 contracts: its figures mean nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from contracts_parts.drawing import DRAWN, Figures, beaten, draw  # noqa: E402
from contracts_parts.prepare import DATA, fine_tune, read_rows, write_rows  # noqa: E402
from contracts_parts.product import Product, copied  # noqa: E402
from contracts_parts.record import Claim, Tried, add_line, read_lines  # noqa: E402
from contracts_parts.told import told  # noqa: E402

from marketfit.compress.plan.front import pareto_front, upward  # noqa: E402
from marketfit.contract import METRICS, Requirement  # noqa: E402
from marketfit.measure.intervals import clopper_pearson  # noqa: E402
from marketfit.measure.machine import fingerprint  # noqa: E402

EASY = (("accuracy", ">= 0.001"), ("latency_p50_ms", "<= 10000"), ("size_mb", "<= 10000"))  # each ranks once
IMPOSSIBLE = (Requirement.parse("accuracy", ">= 1"),)
KNOWN_MINUTES = 4.0  # of each of three looks for the known set: longer than for any contract
AGAIN = 5  # new processes, where the first one misses a bound


@dataclass(frozen=True)
class Bench:
    """What all contracts share. `known`: variant → figures; `front`: the names of the Pareto set among them."""

    work: Path
    product: Product
    minutes: float
    held: int
    known: Mapping[str, Figures]
    front: Sequence[str]


def main() -> int:
    """Prepare, put every contract to the test, tell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    kept = HERE / "marketfit-workspace" / "contracts"
    parser.add_argument("--contracts", type=int, help="how many; default: 50, quick 5")
    parser.add_argument(
        "--minutes", type=float, help="of each plan beyond the standard variants; default: 1, as in a brief; quick 0.1"
    )
    parser.add_argument("--data", type=Path, default=DATA, help="parquet with the columns text and label")
    parser.add_argument("--layers", type=int, default=3, help="of the model, at most 6")
    parser.add_argument("--lanes", type=int, default=1, help="contracts at a time, each on its share of the cores")
    parser.add_argument("--work", type=Path, default=kept, help="where what is made is kept")
    parser.add_argument("--quick", action="store_true", help="a smoke run on few rows")
    options = parser.parse_args()
    usable = len(os.sched_getaffinity(0))
    if not 1 <= options.lanes <= usable:
        parser.error(f"--lanes {options.lanes}: each takes a core of its own; from 1 to {usable} here")
    bench = prepared(options)
    file = bench.work / "contracts.jsonl"
    count = options.contracts or (5 if options.quick else 50)
    done = {number: one for number, one in read_lines(file).items() if number < count}
    for one in done.values():
        report(one, count)
    for one in attempts(bench, [number for number in range(count) if number not in done], lanes=options.lanes):
        add_line(file, one)
        report(one, count)
        done[one.number] = one
    tried = [done[number] for number in range(count)]
    seconds = sum(one.seconds for one in tried) / len(tried)
    sys.stdout.write(
        f"Machine: {fingerprint()}; {len(bench.front)} variants in the known Pareto set; {bench.held:,} held rows; "
        f"{seconds:.0f} s a contract.\n\n{told(tried)}\n"
    )
    return 0


def prepared(options: argparse.Namespace) -> Bench:
    """Rows, model, known set and the workspace that all contracts begin with; each made once."""
    quick: bool = options.quick
    work: Path = (options.work / ("quick" if quick else "full")).resolve()
    work.mkdir(parents=True, exist_ok=True)
    rows = read_rows(options.data, quick=quick)
    write_rows(rows, work)
    once(work / "model", lambda into: fine_tune(rows.tuning, into, layers=options.layers, epochs=1 if quick else 5))
    product = Product(work / "model", work / "given.parquet")
    minutes = options.minutes if options.minutes is not None else 0.1 if quick else 1.0

    def unopened(into: Path) -> None:
        said = product.compress(IMPOSSIBLE, minutes=0, workspace=into)
        assert said["status"] == "refused", said["reason"]

    once(work / "workspace", unopened)
    if not (work / "known.json").is_file():
        found = known_set(
            product, copied(work / "workspace", work / "known"), max(minutes, KNOWN_MINUTES * (not quick))
        )
        (work / "known.json").write_text(json.dumps(found), "utf-8")
        shutil.rmtree(work / "known")
    known: dict[str, Figures] = json.loads((work / "known.json").read_text("utf-8"))
    places = pareto_front(upward(list(known.values()), DRAWN))
    front = [list(known)[place] for place in places]
    return Bench(work, product, minutes, len(rows.held), known, front)


def known_set(product: Product, workspace: Path, minutes: float) -> dict[str, Figures]:
    """Variant → figures, of all that were measured for good in any of three looks; the first one's count."""
    found: dict[str, Figures] = {}
    for place in range(len(EASY)):
        needs = [Requirement.parse(*bound) for bound in (*EASY[place:], *EASY[:place])]
        sys.stderr.write(f"known set, look {place + 1} of {len(EASY)}: ranked by {needs[0].metric}\n")
        for one in product.compress(needs, minutes=minutes, workspace=workspace)["variants"]:
            if not one["rejected"]:
                found.setdefault(one["name"], {seen["metric"]: seen["value"] for seen in one["measurements"]})
    return found


def once(path: Path, make: Callable[[Path], None]) -> None:
    """Make a folder that appears under its name once it is whole."""
    if path.exists():
        return
    scratch = path.with_name(f".{path.name}")
    shutil.rmtree(scratch, ignore_errors=True)
    make(scratch)
    scratch.rename(path)


def attempts(bench: Bench, numbers: Sequence[int], *, lanes: int) -> Iterator[Tried]:
    """Contracts as they are done, so many at a time."""
    usable = sorted(os.sched_getaffinity(0))
    free: SimpleQueue[Sequence[int]] = SimpleQueue()
    for lane in range(lanes):
        free.put(usable[lane::lanes])

    def one(number: int) -> Tried:
        cores = free.get()
        try:
            return attempt(bench, number, cores)
        finally:
            free.put(cores)

    pool = ThreadPoolExecutor(lanes)
    try:
        for done in as_completed([pool.submit(one, number) for number in numbers]):
            yield done.result()
    finally:  # where one fails, the others that wait would be put to the test and forgotten
        pool.shutdown(cancel_futures=True)


def attempt(bench: Bench, number: int, cores: Sequence[int]) -> Tried:
    """Put one contract to the product, and measure again what it ships, on these cores alone."""
    began = time.monotonic()
    needs = draw([bench.known[name] for name in bench.front], number)
    place = copied(bench.work / "workspace", bench.work / f"contract-{number}")
    said = bench.product.compress(needs, minutes=bench.minutes, workspace=place, cores=cores)
    claims = claims_of(bench, number, cores, said) if said["bundle"] else []
    shutil.rmtree(place)
    return Tried(
        number=number,
        contract=tuple(map(str, needs)),
        status=said["status"],
        winner=said["winner"],
        binding=said["binding"],
        named=is_named(said),
        reason=said["reason"],
        beaten_by=tuple(name for name, figures in bench.known.items() if beaten(needs, figures)),
        claims=tuple(claims),
        seconds=time.monotonic() - began,
    )


def is_named(said: Mapping[str, Any]) -> bool:
    """Whether the binding requirement is one of the contract that is not met."""
    return any(
        said["binding"] == f"{row['metric']} {row['op']} {row['limit']:g}" and row["verdict"] != "met"
        for row in said["contract"]
    )


def claims_of(bench: Bench, number: int, cores: Sequence[int], said: Mapping[str, Any]) -> list[Claim]:
    """Each bound that was claimed `met`, and what new processes say."""
    met = [row for row in said["contract"] if row["verdict"] == "met"]
    seen = [measured(bench, said["bundle"], number, cores, answers=True)]
    if any(METRICS[row["metric"]].evidence == "process" and not allows(row, seen[0][row["metric"]]) for row in met):
        seen += [measured(bench, said["bundle"], number + more, cores, answers=False) for more in range(1, AGAIN)]
    found = []
    for row in met:
        again = tuple(figures[row["metric"]] for figures in seen if row["metric"] in figures)
        worst = row["low"] if row["op"] == ">=" else row["high"]
        found.append(Claim(
            metric=row["metric"], op=row["op"], limit=row["limit"], value=row["value"], worst=worst, again=again,
            beyond=beyond_chance(row, again, bench.held),
        ))  # fmt: skip
    return found


def allows(row: Mapping[str, Any], value: float) -> bool:
    """Whether a value keeps the bound of a clause."""
    return bool(value >= row["limit"] if row["op"] == ">=" else value <= row["limit"])


def beyond_chance(row: Mapping[str, Any], again: Sequence[float], held: int) -> bool:
    """Whether a bound is missed by more than chance."""
    if METRICS[row["metric"]].evidence == "rate":
        return bool(clopper_pearson(round(again[0] * held), held, confidence=0.975).high < row["limit"])
    return not any(allows(row, value) for value in again)


def measured(bench: Bench, bundle: str, number: int, cores: Sequence[int], *, answers: bool) -> Figures:
    """One new process of `remeasure.py`, on the next core in turn."""
    order = {
        "bundle": bundle, "rows": str(bench.work / "held.json"), "first": 97 * number, "answers": answers,
        "cores": cores[number % len(cores) :][:1], "began_ns": time.monotonic_ns(),
    }  # fmt: skip
    limits = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS"), "1")
    done = subprocess.run(
        [sys.executable, "-P", str(HERE / "contracts_parts" / "remeasure.py")],
        input=json.dumps(order), capture_output=True, text=True, check=False, env={**os.environ, **limits},
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(f"{bundle}: {done.stderr.strip()[-2000:]}")
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


def report(tried: Tried, count: int) -> None:
    """A line on standard error."""
    kept = f", {sum(claim.kept for claim in tried.claims)} of {len(tried.claims)} kept" if tried.claims else ""
    bound = f", binding {tried.binding or 'nothing'}" if tried.status == "refused" else ""
    better = ", beaten by 10 %" if tried.beaten_by else ""
    sys.stderr.write(
        f"contract {tried.number + 1} of {count} ({', '.join(tried.contract)}): {tried.status}{kept}{bound}{better}, "
        f"{tried.seconds:.0f} s\n"
    )


if __name__ == "__main__":
    sys.exit(main())
