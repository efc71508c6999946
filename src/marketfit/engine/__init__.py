"""The engine: a Run (seed, ledger, blobs, progress) and steps whose results are kept."""

from marketfit.engine.progress import Reporter, reporter
from marketfit.engine.run import Run, start
from marketfit.engine.splits import Split, SplitRows, read_split
from marketfit.engine.step import step

__all__ = ["Reporter", "Run", "Split", "SplitRows", "read_split", "reporter", "start", "step"]
