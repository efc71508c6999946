"""Records of the market: offers, the estimated demand curve, opinions."""

from __future__ import annotations

from collections.abc import Mapping

from marketfit.records.base import Blob, Record
from marketfit.records.findings import Finding


class Offer(Record):
    """A product as the market sees it: attributes, the price among them."""

    name: str
    attributes: Mapping[str, float | str]


class PartWorth(Record):
    """One coefficient of the choice model, and the step between two tested levels that it stands for.

    The utility of the step is `value` × `factor`. What is no step (none of the offers, a constant, an interaction) is
    called by the coefficient's name, with the factor 1.
    """

    name: str
    value: float
    standard_error: float | None  # None: held at 0 by its sign constraint
    step: str
    factor: float


class Ratio(Record):
    """Willingness to pay for one unit of an attribute, in units of price, with a two-sided 95 % interval."""

    attribute: str
    value: float
    low: float
    high: float


class HeldOut(Record):
    """How a model foretold choices that it was not fitted on, with 95 % intervals over respondents."""

    model: str
    log_loss: float
    log_loss_low: float
    log_loss_high: float
    hit_rate: float
    hit_rate_low: float
    hit_rate_high: float
    tasks: int
    respondents: int


class Dropped(Record):
    """A respondent whose answers were left out, and why."""

    respondent: str
    tasks: int
    reasons: tuple[str, ...]


class Provenance(Record):
    """Where a study comes from: file → SHA-256, who answered, who was left out, the seed of what is drawn.

    files: by their paths below the folder that holds them all, such as `answers/choices.csv`.
    """

    files: Mapping[str, str]
    respondents_read: int
    tasks_read: int
    dropped: tuple[Dropped, ...] = ()
    weighted_to: tuple[str, ...] = ()
    seed: int = 0


class ChoiceStudy(Record):
    """The estimated demand: coding, model and draws are blobs that `demand` reads back.

    draws: float32 .npy (draws, people, columns) of utilities at the scale that is used; weights: (draws, people) how
    much each person counts, where they differ. respondents, tasks: those that count.
    """

    model: Blob  # demand's own JSON: coding, coefficients
    kind: str = "logit"
    scale: float = 1.0
    draws: Blob
    weights: Blob | None = None
    held_out: tuple[HeldOut, ...] = ()
    provenance: Provenance
    part_worths: tuple[PartWorth, ...]
    willingness_to_pay: tuple[Ratio, ...]
    log_likelihood: float
    log_likelihood_null: float
    respondents: int
    tasks: int
    simulated: bool


class Opinions(Record):
    """What people say of single examples: `consensus` is a Parquet table (input, label, probability).

    `reliability` is one of (respondent, answers, reliability, low, high) with one-sided 95 % bounds; `method` is
    `one-coin` or `full-confusion`.
    """

    consensus: Blob
    items: int
    answers: int
    respondents: int
    unreliable: tuple[str, ...]
    mean_reliability: float
    simulated: bool
    reliability: Blob | None = None
    method: str = ""
    converged: bool = True


class MarketView(Record):
    """What is known of the market. Every part may be missing. `findings` are those of the brief's `surveys`."""

    choice: ChoiceStudy | None
    competitors: tuple[Offer, ...]
    opinions: Opinions | None
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...]
