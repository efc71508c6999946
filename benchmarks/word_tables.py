"""What the word table of a small model costs in each form: bytes, accuracy, time and memory. Prints a table.

    python benchmarks/word_tables.py [--work DIR] [--quick] [--rounds N] [--student NAME]

The two narrow layers of `compress.py` (or another student of it), with int8 products, in whose work folder all is made
and kept: their word table with all words or a trimmed vocabulary, as float32, int8, 4 bits and 2 bits. Accuracy on the
in-scope test rows of CLINC150, paired with the full model's; times in fresh processes of one thread that take turns.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path

from pydantic import JsonValue

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from compress_parts.prepare import FEW_NARROW, Rows, Table, once, passed, prepare, read_rows  # noqa: E402

from marketfit.bundle import load_unsealed, size_mb  # noqa: E402
from marketfit.compress.passes import Pass  # noqa: E402
from marketfit.compress.passes.int8 import Int8  # noqa: E402
from marketfit.compress.passes.int8_embeddings import Int8Embeddings  # noqa: E402
from marketfit.compress.passes.pq_embeddings import PqEmbeddings  # noqa: E402
from marketfit.compress.passes.vocabulary_trim import VocabularyTrim  # noqa: E402
from marketfit.compress.sizes import TABLE, size_parts  # noqa: E402
from marketfit.measure.compare import compare_scores  # noqa: E402
from marketfit.measure.machine import fingerprint  # noqa: E402
from marketfit.measure.probe import probe  # noqa: E402
from marketfit.measure.process_metrics import Plan, process_figures  # noqa: E402

REQUESTS = 200
WORDS: Mapping[str, Mapping[str, JsonValue] | None] = {"all": None, "trimmed": {}, "tightly trimmed": {"share": 0.1}}
FORMS: Mapping[str, tuple[Pass, Mapping[str, JsonValue]] | None] = {
    "float32": None,
    "int8": (Int8Embeddings(), {}),
    "4 bits": (PqEmbeddings(), {}),
    "2 bits": (PqEmbeddings(), {"width": 4}),
}


def main() -> int:
    """Make, measure, tell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    kept = HERE / "marketfit-workspace" / "compress"
    parser.add_argument("--work", type=Path, default=kept, help="the work folder of compress.py")
    parser.add_argument("--quick", action="store_true", help="a smoke run on few rows")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--student", default=FEW_NARROW, help="three, narrow, two or two-narrow")
    options = parser.parse_args()
    work = Table().folder(options.work, quick=options.quick)
    work.mkdir(parents=True, exist_ok=True)
    rows = read_rows(Table(), quick=options.quick)
    prepare(work, rows, quick=options.quick, students=True)
    made = tables(work, options.student, rows)
    right = {
        name: load_unsealed(folder).probabilities(rows.test.inputs).argmax(axis=1) == rows.test.targets
        for name, folder in {**made, "full": work / "ours" / "fp32"}.items()
    }
    rounds = 1 if options.quick else options.rounds
    inputs = rows.test.inputs[: rounds * REQUESTS]
    seen = probe(made, inputs, plan=Plan(1, rounds, REQUESTS, batches=(32,)), progress=lambda _done: None)
    lines = [
        f"Machine: {fingerprint()}; {len(rows.test.inputs):,} test rows; {rounds} processes of {REQUESTS} requests.\n",
        "| words | table | MB of it | MB shipped | points (lower bound) | p50 ms | rows/s (32) | MB resident |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, folder in made.items():
        paired = compare_scores(right[name], right["full"], confidence=0.95, seed=0)
        figures = process_figures(seen[name].processes, price_per_hour=None)
        words, form = name.split(", ")
        lines.append(
            f"| {words} | {form} | {size_parts(folder)[TABLE]:.2f} | {size_mb(folder):.2f} | "
            f"{100 * paired.difference:+.2f} ({100 * paired.low:+.2f}) | {figures['latency_p50_ms']:.3f} | "
            f"{figures['throughput_per_s']:,.0f} | {figures['memory_mb']:.0f} |"
        )
    sys.stdout.write("\n".join(lines) + "\n")
    return 0


def tables(work: Path, student: str, rows: Rows) -> dict[str, Path]:
    """Words and form → the bundle, made where it is missing."""
    made = {}
    for words, share in WORDS.items():
        begun = work / "word-tables" / f"{student}-{words}".replace(" ", "-")
        export = work / "ours" / f"{student}-fp32"
        if share is not None:
            trimmed = begun.with_name(f"{begun.name}-fp32")
            once(trimmed, passed(VocabularyTrim(), export, rows, **share))
            export = trimmed
        once(begun, passed(Int8(), export, rows))
        for form, works in FORMS.items():
            folder = begun.with_name(f"{begun.name}-{form}".replace(" ", "-")) if works else begun
            if works:
                once(folder, passed(works[0], begun, rows, **works[1]))
            made[f"{words}, {form}"] = folder
    return made


if __name__ == "__main__":
    sys.exit(main())
