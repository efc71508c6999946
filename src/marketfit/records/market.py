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
    """One coefficient of the choice model."""

    name: str
    value: float
    standard_error: float | None  # None: held at 0 by its sign constraint


class Ratio(Record):
    """Willingness to pay for one unit of an attribute, in units of price, with a two-sided 95 % interval."""

    attribute: str
    value: float
    low: float
    high: float


class ChoiceStudy(Record):
    """The estimated demand curve: coding and draws are blobs that `demand` reads back."""

    model: Blob  # demand's own JSON: coding, coefficients, covariance
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
