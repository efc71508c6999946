"""Run every benchmark, each in a process of its own. Exit status 0: all of them ended well.

python benchmarks/all.py
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
SCRIPTS = (
    "clinc150/run.py",
    "compress.py",
    "contracts.py",
    "opinions.py",
    "research.py",
    "research_coverage.py",
    "research_designs.py",
    "research_mixing.py",
    "research_quality.py",
    "word_tables.py",
)


def main() -> int:
    """Run them one after the other; one that fails does not keep the next from running."""
    failed = []
    for script in SCRIPTS:
        sys.stdout.write(f"\n## {script}\n\n")
        sys.stdout.flush()
        began = time.monotonic()
        done = subprocess.run([sys.executable, str(HERE / script)], check=False)
        sys.stdout.write(f"\nexit status {done.returncode} after {time.monotonic() - began:.0f} s\n")
        failed += [script] if done.returncode else []
    if failed:
        sys.stderr.write(f"failed: {', '.join(failed)}\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
