"""Numbers as people read them: values with units, intervals, shares, counts, times."""

from __future__ import annotations

import math

from marketfit.contract import METRICS, Measurement

MISSING = "–"


def number(value: float | None, *, digits: int = 4) -> str:
    """A number with so many significant digits, without an exponent unless it is very small or very large.

    >>> number(1234567.0), number(0.93141592), number(2e-9), number(None), number(float("nan"))
    ('1,234,567', '0.9314', '2e-09', '–', 'not a number')
    """
    if value is None:
        return MISSING
    if not math.isfinite(value):
        return "not a number" if math.isnan(value) else ("infinite" if value > 0 else "−infinite")
    size = abs(value)
    if size >= min(1000, 10**digits):
        return _signed(f"{value:,.0f}")
    return _signed(f"{value:.{digits}g}")


def metric(name: str, value: float | None) -> str:
    """The value of a metric, with the digits that suit it and without its unit.

    >>> metric("accuracy", 0.9), metric("latency_p95_ms", 4.2), metric("memory_mb", 181.26)
    ('0.9000', '4.20', '181.3')
    """
    if value is None or not math.isfinite(value):
        return number(value)
    known = METRICS.get(name)
    if known is not None and known.of_test_rows:
        return _signed(f"{value:.4f}")
    if known is not None and known.unit in ("ms", "MB"):
        return f"{value:,.2f}" if abs(value) < 100 else f"{value:,.1f}"
    return number(value)


def unit(name: str) -> str:
    """The unit of a metric, or nothing."""
    return METRICS[name].unit if name in METRICS else ""


def with_unit(name: str, value: float | None) -> str:
    """The value of a metric with its unit.

    >>> with_unit("size_mb", 23.5), with_unit("accuracy", 0.95)
    ('23.50 MB', '0.9500')
    """
    return f"{metric(name, value)} {unit(name)}".strip()


def title(name: str) -> str:
    """The metric's name for people."""
    return METRICS[name].title if name in METRICS else name


def interval(measured: Measurement) -> str:
    """The interval of a measurement; exact metrics say that they are.

    >>> interval(Measurement(metric="size_mb", value=2.0, low=2.0, high=2.0, n=1))
    'exact'
    """
    if measured.low == measured.value == measured.high:
        return "exact"
    return f"{metric(measured.metric, measured.low)} to {metric(measured.metric, measured.high)}"


def between(low: float | None, high: float | None, *, digits: int = 4) -> str:
    """An interval of plain numbers, or the words that there is none."""
    if low is None or high is None:
        return "no interval"
    return f"{number(low, digits=digits)} to {number(high, digits=digits)}"


def percent(value: float | None) -> str:
    """A share.

    >>> percent(0.4123), percent(0.00004), percent(None)
    ('41.2 %', '< 0.1 %', '–')
    """
    if value is None or not math.isfinite(value):
        return number(value)
    if 0 < value < 0.001:
        return "< 0.1 %"
    if 0.999 < value < 1:
        return "> 99.9 %"
    return _signed(f"{100 * value:.1f} %")


def percent_between(low: float | None, high: float | None) -> str:
    """An interval of shares, or the words that there is none."""
    return "no interval" if low is None or high is None else f"{percent(low)} to {percent(high)}"


def count(value: int) -> str:
    """A whole number.

    >>> count(1234)
    '1,234'
    """
    return f"{value:,}"


def counted(value: int, one: str, many: str = "") -> str:
    """A whole number with its noun.

    >>> counted(1, "row"), counted(1200, "row"), counted(2, "class", "classes")
    ('1 row', '1,200 rows', '2 classes')
    """
    return f"{value:,} {one if value == 1 else many or one + 's'}"


def duration(seconds: float) -> str:
    """A time span.

    >>> duration(0.04), duration(3.2), duration(75), duration(3720)
    ('0.0 s', '3.2 s', '1 min 15 s', '1 h 02 min')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def confidence(value: float) -> str:
    """A confidence as a percentage with no more digits than it has.

    >>> confidence(0.95), confidence(0.975), confidence(1 - 0.05 / 6)
    ('95 %', '97.5 %', '99.17 %')
    """
    return f"{round(100 * value, 2):g} %"


def sentence(words: str) -> str:
    """With a capital letter and a full stop.

    >>> sentence("all is met"), sentence("")
    ('All is met.', '')
    """
    text = words.strip()
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith(('.', '!', '?')) else '.'}" if text else ""


def _signed(text: str) -> str:
    """With a true minus sign."""
    return text.replace("-", "−", 1) if text.startswith("-") else text
