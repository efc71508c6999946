"""Records of decisions: what should ship, what the locked test said, who is champion."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from marketfit.contract import Contract
from marketfit.records.base import Record


class Standing(Record):
    """A (variant, offer) pair on the market: the predicted value of the goal and how sure we are of it.

    `value` is the goal: share, profit a month, utility, the weighted sum, or the first requirement's metric. Intervals
    are central, at 95 %. Share and value are missing where they can't be computed: there is no survey, or a metric
    that they need was not measured.
    """

    variant: str
    price: float | None
    share: float | None
    share_low: float | None
    share_high: float | None
    value: float | None
    value_low: float | None
    value_high: float | None
    probability_kept: float  # that the contract will be met on the locked test
    probability_best: float
    feasible: bool
    reason: str


class Decision(Record):
    """Which variant (and price) should ship, before the locked test has spoken."""

    goal: str
    standings: tuple[Standing, ...]
    winner: str | None
    price: float | None
    probability_best: float
    expected_regret: float
    shares: Mapping[str, float]  # our offer, the competitors and none, at the chosen price
    binding: str  # the requirement that nothing meets, or empty
    nearest: str  # the variant that comes nearest to it, or empty
    provable: bool = True  # whether the test has rows enough to prove of a better model what nothing meets
    notes: tuple[str, ...]


class ErrorRow(Record):
    """A misclassified test row."""

    row: int
    input: str
    label: str
    predicted: str
    score: float


class ClassRow(Record):
    """Precision, recall and F1 of one class on the locked test."""

    label: str
    precision: float
    recall: float
    f1: float
    rows: int


class SliceRow(Record):
    """Accuracy on one slice of the locked test; the intervals of all slices hold at once with 95 %.

    Without a row there is no accuracy, and the interval is all there is.
    """

    name: str
    rows: int
    accuracy: float | None
    low: float
    high: float


class GroupRow(Record):
    """Accuracy on the test rows of one group; the intervals of all groups of its column hold at once with 95 %."""

    name: str
    rows: int
    accuracy: float
    low: float
    high: float


class GroupGap(Record):
    """The best group's accuracy minus the worst group's, with its two-sided 95 % interval."""

    value: float
    low: float
    high: float


class SensitiveRow(Record):
    """What a sensitive column says: its groups, the lowest accuracy first, and their gap where there are two or more.

    `unknown` test rows have no value in it and are in no group.
    """

    column: str
    groups: tuple[GroupRow, ...]
    gap: GroupGap | None
    unknown: int


class QualityReport(Record):
    """What the locked test says of the winner, beyond the contract."""

    rows: int
    accuracy: float
    macro_f1: float
    log_loss: float
    calibration_error: float
    per_class: tuple[ClassRow, ...]
    confusions: tuple[tuple[str, str, int], ...]  # true, predicted, rows; most frequent first
    errors: tuple[ErrorRow, ...]
    reliability: tuple[tuple[float, float, int], ...]  # mean score, accuracy, rows of each bin
    abstained: float
    accuracy_answered: float
    unknown_tokens: float
    truncated: float
    slices: tuple[SliceRow, ...] = ()  # the lowest accuracy first
    sensitive: tuple[SensitiveRow, ...] = ()  # in the brief's order

    @property
    def worst_slice(self) -> SliceRow | None:
        """The slice with rows whose accuracy is lowest."""
        return next((found for found in self.slices if found.rows), None)


class Settlement(Record):
    """The winner after the locked test: the contract that ships, or the refusal."""

    status: Literal["shipped", "refused"]
    variant: str | None
    opening: int  # number of the opening of this test split; 0 if it stayed shut
    level: float  # α/(k(k+1))
    contract: Contract
    quality: QualityReport | None
    reason: str


Action = Literal["promote", "rollback", "keep", "wait"]
"""What a decision does to the champion: only the first two change it."""

PromotionStatus = Literal["promoted", "kept", "insufficient evidence"]

_ACTIONS: Mapping[PromotionStatus, Action] = {"promoted": "promote", "kept": "keep", "insufficient evidence": "wait"}


class Comparison(Record):
    """Both bundles on audited traffic.

    `excluded` pairs are not counted: their inputs are among the challenger's training rows. `e_better` and `e_harm` are
    evidence that the challenger is right more often, or less often, than the champion.
    """

    champion: str
    challenger: str
    pairs: int
    excluded: int
    simulated: int
    champion_right: int
    challenger_right: int
    only_champion: int
    only_challenger: int
    e_better: float
    e_harm: float


class TestComparison(Record):
    """Both bundles on the locked test: challenger minus champion, with one-sided bounds at `level` each."""

    __test__ = False  # no test of pytest's

    rows: int
    difference: float
    low: float
    high: float
    level: float
    only_champion: int
    only_challenger: int


class Promotion(Record):
    """What became of a challenger, and why. A part that was never reached is missing.

    `kept`: the champion stays because the challenger does harm or breaks a promise.
    """

    status: PromotionStatus
    reason: str
    champion: str
    challenger: str
    comparison: Comparison | None = None
    test: TestComparison | None = None
    contract: Contract | None = None

    @property
    def action(self) -> Action:
        """The decision that goes into the ledger."""
        actions: dict[PromotionStatus, Action] = {
            "promoted": "promote",
            "kept": "keep",
            "insufficient evidence": "wait",
        }
        return actions[self.status]
