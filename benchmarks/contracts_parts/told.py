"""The tables: how many promises were kept, metric by metric too, and every case that went wrong."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from contracts_parts.drawing import DRAWN
from contracts_parts.record import Claim, Tried
from marketfit.measure.intervals import clopper_pearson

KEPT, SHIPPED = 0.95, 0.9  # the bars


def told(tried: Sequence[Tried]) -> str:
    """Both tables and the cases, as Markdown."""
    return "\n".join([table(tried), "", by_metric(tried), "", *cases(tried)])


def table(tried: Sequence[Tried]) -> str:
    """The counts against their bars."""
    shipped = [one for one in tried if one.status == "shipped"]
    refused = [one for one in tried if one.status == "refused"]
    claims = [claim for one in shipped for claim in one.claims]
    better = [one for one in tried if one.beaten_by]
    kept, beyond = sum(claim.kept for claim in claims), sum(claim.beyond for claim in claims)
    return markdown(("what", "count", "of", "share (95 % interval)", "bar", "verdict"), [
        _line("contracts shipped", len(shipped), len(tried)),
        _line("bounds claimed met that a new process meets", kept, len(claims), bar=KEPT),
        _line("bounds claimed met that are missed beyond chance", beyond, len(claims)),
        _line("refusals that name a bound that is not met", sum(one.named for one in refused), len(refused), bar=1.0),
        _line("contracts beaten by 10 % that are shipped", sum(one.status == "shipped" for one in better), len(better),
              bar=SHIPPED),
    ])  # fmt: skip


def by_metric(tried: Sequence[Tried]) -> str:
    """Claims of each metric: how many are kept, and with how much room."""
    lines = []
    for metric in DRAWN:
        claims = [claim for one in tried for claim in one.claims if claim.metric == metric]
        if claims:
            lowest, middle = np.quantile([claim.room for claim in claims], [0.0, 0.5])
            room = [f"{value:+.2f} points" if metric == "accuracy" else f"{value:+.1%}" for value in (lowest, middle)]
            lines.append((metric, str(len(claims)), str(sum(claim.kept for claim in claims)), *room))
    return markdown(("metric", "claimed met", "kept", "least room", "median room"), lines)


def cases(tried: Sequence[Tried]) -> list[str]:
    """One line on each promise that was missed, each refusal that names nothing, each wrong refusal."""
    lines = []
    for one in tried:
        name = f"- contract {one.number + 1} ({', '.join(one.contract)})"
        lines += [f"{name}: missed{_how(claim)}: {claim}" for claim in one.claims if not claim.kept]
        if one.status == "refused" and not one.named:
            lines.append(f"{name}: the refusal names {one.binding or 'no bound'}: {one.reason}")
        if one.status == "refused" and one.beaten_by:
            lines.append(f"{name}: refused, though {one.beaten_by[0]} is better by 10 % in everything: {one.reason}")
    return lines


def _how(claim: Claim) -> str:
    return " beyond chance" if claim.beyond else ""


def _line(what: str, count: int, total: int, *, bar: float | None = None) -> tuple[str, ...]:
    bounds = clopper_pearson(count, total, confidence=0.975)
    share = f"{bounds.value:.1%} ({bounds.low:.1%} to {bounds.high:.1%})" if total else "–"
    verdict = "–" if bar is None or not total else "met" if bounds.value >= bar else "MISSED"
    return what, str(count), str(total), share, "–" if bar is None else f"≥ {bar:.0%}", verdict


def markdown(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """A table."""
    rows = [head, ["---"] * len(head), *lines]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
