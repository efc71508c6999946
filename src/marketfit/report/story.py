"""What a report tells, and the writing of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from marketfit.records.data import Dataset, FeedbackBatch
from marketfit.records.decision import Decision, Promotion, Settlement
from marketfit.records.market import MarketView
from marketfit.records.models import Shortlist, Trial, Tuned
from marketfit.records.variants import Variant, Variants
from marketfit.workspace import Workspace, write_atomic


@dataclass(frozen=True, kw_only=True)
class Story:
    """Everything that one turn of the loop made, to be told.

    `created` is shown as it is; `machine` is the fingerprint of the one that measured; `brief_file` is the name of the
    brief's file; `bundle` and `digest` are missing where nothing was sealed; `batch` and `promotion` belong to
    `improve`; `champion` says whether the bundle is in service.
    """

    product: str
    task: str
    command: Literal["run", "improve"]
    created: str
    seed: int
    machine: str
    brief_file: str
    goal: str
    dataset: Dataset
    market: MarketView
    models: Shortlist
    tuned: Tuned
    variants: Variants
    decision: Decision
    settlement: Settlement
    seconds: Mapping[str, float]
    bundle: str | None
    digest: str | None
    batch: FeedbackBatch | None
    promotion: Promotion | None
    champion: bool
    notes: tuple[str, ...]

    @property
    def winner(self) -> Variant | None:
        """The variant that was chosen, also where the locked test refused it."""
        return next((v for v in self.variants.variants if v.name == self.decision.winner), None)

    @property
    def trial(self) -> Trial | None:
        """The trial that the winner comes from."""
        winner = self.winner
        return next((t for t in self.tuned.trials if winner is not None and t.number == winner.trial), None)

    @property
    def simulated_survey(self) -> bool:
        """Whether shares, worths and profits rest on answers made by a program."""
        return self.market.choice is not None and self.market.choice.simulated

    @property
    def simulated_opinions(self) -> bool:
        """Whether the opinions on single examples were made by a program."""
        return self.market.opinions is not None and self.market.opinions.simulated


def write_report(story: Story, into: Path, *, workspace: Workspace) -> Path:
    """Write one self-contained HTML file. Equal stories give equal bytes.

    Args:
        story: what is told.
        into: path of the file.
        workspace: where the story's blobs are.

    Raises:
        RunError: the workspace lacks a blob of the story.
    """
    from marketfit.report.page import render

    write_atomic(into, render(story, workspace=workspace).encode("utf-8"))
    return into
