"""What compression makes: variants, and the sequences of passes that were not made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from marketfit.contract import Measurement
from marketfit.records.base import Blob, Folder, Record


class BatchSpeed(Record):
    """How fast a variant is in batches of one size: rows a second, the median of the processes with the slowest and the
    fastest of them, and the largest peak of resident memory so far, in MB."""

    size: int
    rows_per_second: float
    slowest: float
    fastest: float
    processes: int
    peak_mb: float


class Variant(Record):
    """One deployable outcome: an unsealed bundle, measured after it was written and reloaded."""

    name: str
    trial: int
    backbone: str
    passes: tuple[str, ...]
    bundle: Folder
    measurements: tuple[Measurement, ...]  # on valid rows and on the target machine
    batches: tuple[BatchSpeed, ...] = ()  # on the target machine, by rising size
    sittings: int = 0  # in how many it was timed for good; of two, the worse one counts
    probabilities: Blob  # float32 .npy (valid rows × classes), from the reloaded bundle
    unknown_tokens: float  # share of tokens on valid that the preprocessor does not know
    truncated: float  # share of valid inputs that were cut
    rejected: str  # why it can't ship, or empty
    sizes: Mapping[str, float] = {}  # part of the bundle → MB; together `size_mb` (compress.sizes)

    def measured(self, metric: str) -> Measurement | None:
        """The measurement of a metric, if there is one."""
        return next((m for m in self.measurements if m.metric == metric), None)

    @property
    def figures(self) -> dict[str, float]:
        """Metric → measured value."""
        return {item.metric: item.value for item in self.measurements}


Untaken = Literal["cannot win", "does not apply", "over budget", "unlikely"]
"""Why a sequence was not made; the kinds that say most come first."""


class Untried(Record):
    """A sequence of passes that was thought of and not made, and why.

    `gain` is what the plan expected of it (see `compress.plan.value`), `seconds` what it was expected to take; None
    where nobody can say.
    """

    name: str
    passes: tuple[str, ...]
    why: Untaken
    reason: str
    gain: float | None = None
    seconds: float | None = None


class UntriedGroup(Record):
    """All sequences that were not made for one kind of reason; `nearest` are the few that came nearest to it."""

    why: Untaken
    count: int
    nearest: tuple[Untried, ...]


class Variants(Record):
    """All variants with the machine they were measured on.

    `front` names those that no other one beats in everything; `untried` are the sequences that were not made, by
    reason, and `every_untried` is a CSV file of all of them; None where there are none.
    """

    variants: tuple[Variant, ...]
    machine: str
    notes: tuple[str, ...]
    front: tuple[str, ...] = ()
    untried: tuple[UntriedGroup, ...] = ()
    every_untried: Blob | None = None
