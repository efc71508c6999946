"""The engine: a Run (seed, ledger, blobs, progress) and steps whose results are kept."""

from marketfit.engine.progress import Reporter, reporter
from marketfit.engine.run import Run, start
from marketfit.engine.step import step

__all__ = ["Reporter", "Run", "reporter", "start", "step"]
