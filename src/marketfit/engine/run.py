"""A Run: the only thing that steps share beside the records they are given."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from marketfit.brief import Brief, MarketBrief, TrackingSpec
from marketfit.engine.jobs import Jobs, LocalJobs
from marketfit.engine.progress import Reporter, SilentReporter
from marketfit.engine.tracking import Tracking, require
from marketfit.ledger import Ledger
from marketfit.workspace import Workspace


@dataclass(frozen=True)
class Run:
    """Seed, ledger, blobs and progress of one run, where its jobs run, and the trackers that follow it.

    `seconds` collects each step's time, recorded ones included.
    """

    id: str
    product: str
    seed: int
    workspace: Workspace
    ledger: Ledger
    tracking: Tracking
    jobs: Jobs = field(default_factory=LocalJobs)
    reporter: Reporter = field(default_factory=SilentReporter)
    seconds: dict[str, float] = field(default_factory=dict)

    def seed_for(self, *names: str | int) -> int:
        """A seed of its own for each named purpose, the same in every run of this seed.

        >>> Run.seed_from(0, "tune", 3) == Run.seed_from(0, "tune", 3) != Run.seed_from(0, "tune", 4)
        True
        """
        return self.seed_from(self.seed, *names)

    @staticmethod
    def seed_from(seed: int, *names: str | int) -> int:
        """SHA-256 of seed and names, as an integer below 2³¹."""
        text = "\x00".join(str(part) for part in (seed, *names))
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4]) >> 1

    def rng(self, *names: str | int) -> np.random.Generator:
        """A random generator of its own for each named purpose."""
        return np.random.default_rng(self.seed_for(*names))


@contextlib.contextmanager
def start(
    brief: MarketBrief,
    *,
    workspace: Path,
    command: str,
    reporter: Reporter | None = None,
    ledger_url: str | None = None,
    jobs: Jobs | None = None,
) -> Iterator[Run]:
    """Hold a workspace for one run of a brief; how it ended is recorded.

    Raises:
        InputError: the workspace is in use or can't be written, or the ledger can't be opened.
        MissingExtraError: a tracker that the brief names is not installed.
    """
    # Market research alone has no trials to follow.
    trackers = brief.tracking if isinstance(brief, Brief) else TrackingSpec()
    require(trackers)
    place = Workspace(workspace)
    with place.lock():
        ledger = Ledger.beside(place.root, url=ledger_url)
        try:
            ledger.check_writable()
            identifier = ledger.start_run(product=brief.product, command=command, brief=brief.digest(), seed=brief.seed)
            run = Run(
                id=identifier,
                product=brief.product,
                seed=brief.seed,
                workspace=place,
                ledger=ledger,
                tracking=Tracking(spec=trackers, product=brief.product, run=identifier, workspace=place.root),
                jobs=jobs or LocalJobs(),
                reporter=reporter or SilentReporter(),
            )
            status = "failed"
            try:
                yield run
                status = "done"
            finally:
                ledger.finish_run(identifier, status=status)
        finally:
            ledger.close()
