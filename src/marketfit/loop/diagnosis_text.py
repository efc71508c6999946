"""The diagnosis of a choice survey for a terminal."""

from __future__ import annotations

from marketfit.report.text import aligned
from marketfit.research.choice_diagnosis import ChoiceDiagnosis, ColumnPrecision


def diagnosis_text(found: ChoiceDiagnosis) -> str:
    """What to look at before the field work starts."""
    lines = [
        f"worst imbalance: of levels {found.level_imbalance:.0%}, of pairs of levels {found.pair_imbalance:.0%}, of "
        f"levels over the places of a task {found.place_imbalance:.0%}",
        "overlap within tasks: " + ", ".join(f"{name} {share:.0%}" for name, share in found.overlap.items()),
        f"tasks with a dominated alternative: {found.dominated}",
        _efficiency(found),
    ]
    if found.unidentified:
        lines.append(f"NO NUMBER OF ANSWERS TELLS APART: {', '.join(found.unidentified)}. Ask more tasks or versions.")
    rows = [("column", f"95 % interval at n = {found.respondents}", "respondents to notice it", "over the prior")]
    rows += [_cells(column) for column in found.columns]
    return "\n".join([*lines, "", aligned(rows), "", *_needed(found)])


def _efficiency(found: ChoiceDiagnosis) -> str:
    if found.d_error is None:
        return "D-error: infinite"
    worth = "" if found.relative_efficiency is None else (
        f"; one respondent tells as much as {found.relative_efficiency:.2f} of a random balanced design"
    )  # fmt: skip
    return f"D-error {found.d_error:.4g} per respondent{worth}"


def _cells(column: ColumnPrecision) -> tuple[str, str, str, str]:
    width = "none" if column.half_width is None else f"± {column.half_width:.2f}"
    needed = "no number" if column.needed is None else f"{column.needed}"
    reach = "" if column.low is None or column.high is None else f"{column.low} to {column.high}"
    return column.column, width, needed, reach


def _needed(found: ChoiceDiagnosis) -> list[str]:
    asked, lines = found.asked, []
    if found.needed is not None and found.needed_for_shares is not None:
        few = ["enough" if found.respondents >= each else "TOO FEW" for each in (found.needed, found.needed_for_shares)]
        lines = [
            f"Needed: {found.needed} respondents to notice, with a power of {asked.power:.0%}, whatever moves "
            f"{asked.notice:.0%} to the better of two products; {found.needed_for_shares} for shares within "
            f"± {100 * asked.margin:g} points. Rule of thumb (Orme): {found.rule_of_thumb}.",
            f"{found.respondents} are {few[0]} for the first and {few[1]} for the second.",
        ]
    return [
        *lines,
        "Intervals are of what the whole range of a column is worth, in utility. All answers count as independent: "
        "where tastes differ much, double the number.",
    ]
