"""CLINC150, in-scope intents: a real data set through the whole loop. Prints one table.

    python benchmarks/clinc150/run.py [--workspace DIR]

It runs `marketfit run benchmarks/clinc150/brief.yaml --json`. The data set is expected where the brief says.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import marketfit

HERE = Path(__file__).resolve().parent
BRIEF = HERE / "brief.yaml"


def main() -> int:
    """Run the brief in an empty workspace and tell what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workspace", type=Path, help="resume here; default: a temporary folder")
    options = parser.parse_args()
    if options.workspace is not None:
        return benchmark(options.workspace)
    with tempfile.TemporaryDirectory() as folder:
        return benchmark(Path(folder))


def benchmark(workspace: Path) -> int:
    """Run, time, tell."""
    program = shutil.which("marketfit", path=str(Path(sys.executable).parent)) or "marketfit"
    began = time.monotonic()
    command = [program, "run", str(BRIEF), "--json", "--workspace", str(workspace)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    minutes = (time.monotonic() - began) / 60.0
    outcome = json.loads(done.stdout) if done.stdout.strip() else {}
    if done.returncode != 0:
        sys.stderr.write(f"exit status {done.returncode}: {outcome.get('reason') or outcome.get('message')}\n")
        return done.returncode
    sys.stdout.write(table(outcome["bundle"], str(outcome["winner"]), minutes) + "\n")
    return 0


def table(bundle: str, winner: str, minutes: float) -> str:
    """The contract of the bundle, the time of the run and the machine, as Markdown."""
    contract = marketfit.load(bundle).contract
    assert contract is not None, "a sealed bundle has a contract"
    rows = [("measure", "value", "interval", "n")]
    machine = ""
    for clause in contract.clauses:
        found = clause.measurement
        assert found is not None, "a sealed bundle has every requirement measured"
        interval = f"{found.low:.4g} to {found.high:.4g}" if found.low < found.high else "exact"
        rows.append((str(clause.requirement), f"{found.value:.4g}", interval, f"{found.n:,}"))
        machine = found.machine or machine
    rows.append(("minutes of the run", f"{minutes:.1f}", "none, one run", "1"))
    head, *body = [f"| {' | '.join(row)} |" for row in rows]
    told = f"Winner: {winner}. Machine: {machine or 'not recorded'}; {os.cpu_count()} cores for the run."
    return "\n".join([head, "|---|---|---|---|", *body, "", told])


if __name__ == "__main__":
    sys.exit(main())
