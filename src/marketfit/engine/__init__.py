"""The engine: a Run (seed, ledger, blobs, progress, jobs, tracking) and steps whose results are kept."""

from marketfit.engine.jobs import Jobs, LocalJobs, Lost, Pool, RayJobs, exit_words, jobs_at
from marketfit.engine.progress import Reporter, reporter
from marketfit.engine.run import Run, start
from marketfit.engine.splits import Split, SplitRows, read_split, read_unlabelled
from marketfit.engine.step import step
from marketfit.engine.tracking import Recording, Tracking

__all__ = [
    "Jobs",
    "LocalJobs",
    "Lost",
    "Pool",
    "RayJobs",
    "Recording",
    "Reporter",
    "Run",
    "Split",
    "SplitRows",
    "Tracking",
    "exit_words",
    "jobs_at",
    "read_split",
    "read_unlabelled",
    "reporter",
    "start",
    "step",
]
