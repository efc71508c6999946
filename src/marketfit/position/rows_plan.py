"""Before any training: how many test rows each requirement takes to be proved, and whether the split has them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from scipy.special import bdtrc, betaincinv

from marketfit.brief import Brief
from marketfit.contract import METRICS, Requirement
from marketfit.measure.intervals import opening_level
from marketfit.measure.slicing import rows_for_slice, smallest_slice
from marketfit.position.kept import Test, successes_needed
from marketfit.records.base import Record

POWER = 0.9
"""The chance of a proof that a plan asks for: at the bare number of rows half of all samples would prove nothing."""

MARGINS = (0.01, 0.02, 0.03, 0.05, 0.10)
"""How much better than the limit the true rate may be."""

_AS_RATES = ("macro_f1", "worst_group_accuracy")
_MOST_ROWS = 10_000_000


@dataclass(frozen=True)
class _Whose:
    """Whose rows are planned, in words, and how many test rows come with so many of them, where that is known."""

    words: str = ""
    in_all: Callable[[int], int] | None = None


_OF_TEST, _OF_CLASS = _Whose(), _Whose(" of the smallest class")
_OF_SLICE = _Whose(" of the smallest slice", rows_for_slice)


class RowsFor(Record):
    """If the true rate is `expected`: the test rows that prove the requirement with a chance of 90 % (None: none do),
    and the chance that the planned ones have."""

    expected: float
    rows: int | None
    chance: float


class RowsNeeded(Record):
    """What a proof of one requirement takes.

    `provable` is the true rate from which on the planned rows prove it with a chance of 90 %; None where even a model
    without error would not be proved, or where nothing can be said before there is a model (`margins` is empty then).
    `enough`: whether the planned rows can prove it. `approximate`: planned as if the metric were a plain rate.
    """

    metric: str
    requirement: str
    test_rows: int
    margins: tuple[RowsFor, ...]
    provable: float | None
    enough: bool | None
    approximate: bool
    text: str


def rows_plan(
    brief: Brief, test_rows: int, /, *, opening: int = 1, smallest_class: int | None = None
) -> tuple[RowsNeeded, ...]:
    """A plan for every requirement that is measured on test rows, in the order of the brief.

    Args:
        brief: the brief.
        test_rows: rows that the test split will have.
        opening: number of the next opening of the locked test; later ones are judged more strictly.
        smallest_class: test rows of the class that has the fewest, for the recall of the worst class.
    """
    found = []
    for need in brief.require:
        if not METRICS[need.metric].of_test_rows:
            continue
        if need.metric == "worst_class_recall":
            found.append(_planned(need, smallest_class, opening, whose=_OF_CLASS))
        elif need.metric == "worst_slice_accuracy":
            found.append(_of_slices(need, test_rows, opening))
        elif need.metric == "accuracy" or need.metric in _AS_RATES:
            found.append(_planned(need, test_rows, opening, whose=_OF_TEST))
        else:
            found.append(_unplanned(need, test_rows, "no plan is possible before there is a model"))
    return tuple(found)


def _planned(need: Requirement, rows: int | None, opening: int, *, whose: _Whose) -> RowsNeeded:
    if rows is None:
        return _unplanned(need, 0, "the rows of the smallest class are not known yet")
    test = Test(rows, opening)
    margins = tuple(_margin(need, expected, test) for expected in _expected(need.limit))
    provable = _provable(need, test)
    return RowsNeeded(
        metric=need.metric,
        requirement=str(need),
        test_rows=rows,
        margins=margins,
        provable=provable,
        enough=provable is not None,
        approximate=METRICS[need.metric].evidence != "rate",
        text=_text(need, test, margins, provable, whose=whose),
    )


def _of_slices(need: Requirement, test_rows: int, opening: int) -> RowsNeeded:
    """Planned for the smallest slice that is to be expected: every other one has at least its rows."""
    plan = _planned(need, smallest_slice(test_rows), opening, whose=_OF_SLICE)
    if plan.test_rows:
        return plan
    least = rows_for_slice(1)
    text = f"{need}: {test_rows:,} test rows are too few for slices; it takes {least:,} at the least."
    return plan.model_copy(update={"text": text})


def _unplanned(need: Requirement, rows: int, why: str) -> RowsNeeded:
    return RowsNeeded(
        metric=need.metric,
        requirement=str(need),
        test_rows=rows,
        margins=(),
        provable=None,
        enough=None,
        approximate=True,
        text=f"{need}: {why}.",
    )


def _expected(limit: float) -> list[float]:
    """True rates to plan for: a few points above the limit, and half of the way to perfection."""
    rates = {round(limit + margin, 6) for margin in MARGINS} | {round((1.0 + limit) / 2.0, 6)}
    return sorted(rate for rate in rates if limit < rate < 1.0)


def _margin(need: Requirement, expected: float, test: Test) -> RowsFor:
    return RowsFor(
        expected=expected,
        rows=_rows_with_power(need, expected, test.opening),
        chance=_chance(need, expected, test),
    )


def _chance(need: Requirement, expected: float, test: Test) -> float:
    """Chance that the test proves the requirement if the true rate is `expected`."""
    needed = successes_needed(need, test) if test.rows else None
    return 0.0 if needed is None else float(bdtrc(needed - 1, test.rows, expected))


def _rows_with_power(need: Requirement, expected: float, opening: int) -> int | None:
    """The fewest rows with enough power, to within the flicker of whole rows."""
    low, high = 0, 32
    while _chance(need, expected, Test(high, opening)) < POWER:
        low, high = high, 2 * high
        if high > _MOST_ROWS:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        enough = _chance(need, expected, Test(middle, opening)) >= POWER
        low, high = (low, middle) if enough else (middle, high)
    return high


def _provable(need: Requirement, test: Test) -> float | None:
    """The true rate at which the chance of a proof reaches `POWER`: P(at least s of n) is a beta distribution's."""
    needed = successes_needed(need, test) if test.rows else None
    if needed is None:
        return None
    return float(betaincinv(needed, test.rows - needed + 1, POWER)) if needed else 0.0


def _text(need: Requirement, test: Test, margins: Sequence[RowsFor], provable: float | None, *, whose: _Whose) -> str:
    strictness = f" at level {opening_level(test.opening, alpha=1.0 - need.confidence):.3g} (opening {test.opening})"
    rows, about = f"{test.rows:,} test rows{whose.words}", _about(need)
    fewest = next((margin for margin in reversed(margins) if margin.rows is not None), None)
    if provable is None:
        least = f"; {_rows_text(need, fewest, whose)} would do if it is {fewest.expected:.4g}" if fewest else ""
        return f"{need}: {rows} can't prove it{strictness}, not even without an error{least}."
    planned = (
        f"{need}: {rows} prove it{strictness} with a chance of {POWER:.0%} if the true value "
        f"is {about}{provable:.4g} or better"
    )
    tighter = [margin for margin in margins if margin.expected < provable and margin.rows is not None]
    more = f"; for {tighter[-1].expected:.4g} it takes {_rows_text(need, tighter[-1], whose)}" if tighter else ""
    return f"{planned}{more}."


def _rows_text(need: Requirement, margin: RowsFor, whose: _Whose) -> str:
    rows = margin.rows or 0
    in_all = f" ({whose.in_all(rows):,} test rows in all)" if whose.in_all is not None else ""
    return f"{_about(need)}{rows:,}{in_all}"


def _about(need: Requirement) -> str:
    return "" if METRICS[need.metric].evidence == "rate" else "about "
