"""Market research: our speed beside xlogit's and statsmodels', our memory, and what we foretell. One run, one table.

    python benchmarks/research.py [--parts mnl mixed hb simulator prediction memory] [--wide]

- mnl: multinomial logit on yogurt purchases; bar: faster than both.
- mixed: mixed logit at 600 draws on electricity; bar: no slower than xlogit.
- hb: hierarchical Bayes on electricity, 6,000 iterations; bar: 8 s on 2 cores.
- simulator: 300 offers × 36,000 draws; bar: 0.2 s on 2 cores.
- prediction: of held-out choices, mean over the splits 0 to 4; bars: log-loss ≤ 0.80, hit rate ≥ 0.67. Beside it, with
  no bar, the last two tasks of each person.
- memory: of hierarchical Bayes; bar: the same for four times the iterations.

Contenders take turns in this process, the ratio is that of each turn. A time is the median of its turns, with the
quartiles in brackets. What needs data or a peer that is not there is skipped, and says what to do. With other settings
than the bars', their verdict is "not judged". Exit status 1: a bar is missed. Busy machines are slow: look at the load.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path

from research_parts import hb, memory, mixed, mnl, prediction, simulator
from research_parts.row import Found, table
from research_parts.settings import Settings

from marketfit.measure.machine import fingerprint

PARTS: Mapping[str, Callable[[Settings], Found]] = {
    part.PART: part.measure for part in (mnl, mixed, hb, simulator, prediction, memory)
}
PACKAGES = ("marketfit", "numpy", "scipy", "pyarrow", "xlogit", "statsmodels", "pandas")
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def main() -> int:
    """Measure the parts that are asked for, and print the table."""
    parts, settings = asked()
    before = load()
    found: list[Found] = []
    for part in parts:
        began = time.monotonic()
        sys.stderr.write(f"{part} …")
        sys.stderr.flush()
        found.append(PARTS[part](settings))
        sys.stderr.write(f" {time.monotonic() - began:.0f} s\n")
    rows = [row for one in found for row in one.rows]
    behind = [f"### {part}\n\n{one.wide}" for part, one in zip(parts, found, strict=True) if one.wide]
    sys.stdout.write("\n\n".join([conditions(before), table(rows), *behind]) + "\n")
    counts = Counter(row.verdict.decision for row in rows)
    sys.stdout.write("\n" + ", ".join(f"{count} {decision}" for decision, count in counts.items()) + "\n")
    return 1 if counts["MISSED"] else 0


def asked() -> tuple[list[str], Settings]:
    """What the command line says."""
    usual = Settings()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="+", choices=list(PARTS), default=list(PARTS))
    parser.add_argument("--data", type=Path, default=usual.data, help="folder of the public choice data")
    parser.add_argument("--rounds", type=positive, default=usual.rounds, help="turns of what is quick: %(default)s")
    parser.add_argument("--repeats", type=positive, default=usual.repeats, help="turns of what is slow: %(default)s")
    parser.add_argument("--draws", type=positive, default=usual.draws, help="of the mixed logit: %(default)s")
    parser.add_argument("--iterations", type=positive, default=usual.iterations, help="of each chain: %(default)s")
    parser.add_argument(
        "--large", type=int, default=usual.large, help="memory: a logit of so many rows, such as 10000000"
    )
    parser.add_argument("--wide", action="store_true", help="more models, splits and analyses, in tables of their own")
    options = vars(parser.parse_args())
    return options.pop("parts"), Settings(**options)


def positive(text: str) -> int:
    """A number of turns, draws or iterations."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is no whole number from 1 on")
    return int(text)


def conditions(before: str) -> str:
    """When, where and with what."""
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES if importlib.util.find_spec(name))
    threads = ", ".join(f"{name}={os.environ[name]}" for name in THREADS if name in os.environ)
    return (
        f"{time.strftime('%Y-%m-%d')}: {fingerprint()}, {threads or 'threads not limited'}; "
        f"load {before} before and {load()} after. {versions}."
    )


def load() -> str:
    """How many processes want a processor, on average over the last minute."""
    return f"{os.getloadavg()[0]:.1f}"


if __name__ == "__main__":
    sys.exit(main())
