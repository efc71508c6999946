"""MaxDiff: the best and the worst of a few items at a time say how much each item matters.

File: one row for each task of a respondent: `respondent`, `task`, the items shown in `item_1`, `item_2`, …, and the
`best` and the `worst` of them. Optional: `weight`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from marketfit.brief import MarketSpec, SurveyFile
from marketfit.engine import Run
from marketfit.records.base import Record
from marketfit.records.findings import Drawing, Finding, FindingTable
from marketfit.records.questionnaire import Field, Language, Question, Questionnaire
from marketfit.research.finding_parts import interval_cells
from marketfit.research.given import Flags, Ints
from marketfit.research.instruments.texts import INSTRUMENT_TEXTS, InstrumentTexts
from marketfit.research.maxdiff import BestWorst, BestWorstFit, best_worst_counts, comparable, fit_best_worst
from marketfit.research.maxdiff_design import MaxDiffPlan, best_worst_design
from marketfit.research.respondents import Respondents, Standing, recoded
from marketfit.research.sheet import Names, Sheet, rows_of

KEYS = ("respondent", "task")
PICKS = ("best", "worst")
MOST_SHOWN, MOST_ITEMS = 20, 300


@dataclass(frozen=True, eq=False)
class MaxDiffAnswers:
    """Validated answers; `items` are the names of their codes, `who` is everybody in the file."""

    answers: BestWorst
    items: tuple[str, ...]
    who: Respondents
    notes: tuple[str, ...]

    def counted(self, standing: Standing) -> MaxDiffAnswers:
        """The answers of those who count."""
        coded, who = self.answers, self.who.under(standing)
        rows, person = standing.rows(coded.person)
        shown, items, lost = recoded(coded.shown, rows, self.items)
        answers = BestWorst(shown, coded.best[rows], coded.worst[rows], person, who.weights, len(items))
        return MaxDiffAnswers(answers, items, who, (*self.notes, *standing.notes, *lost))


class MaxDiff:
    """Best–worst scaling by counts and a sequential best–worst logit."""

    plan: ClassVar[type[Record]] = MaxDiffPlan

    def design(self, plan: MaxDiffPlan, *, seed: int, language: Language = "en") -> Questionnaire:
        """Balanced incomplete blocks, whose versions respondents take in turn: see `maxdiff_design`."""
        texts = INSTRUMENT_TEXTS[language]
        versions = [_version(plan, tasks, texts) for tasks in best_worst_design(plan, seed=seed)]
        questions = tuple(
            question.model_copy(update={"respondent": f"r{person + 1:03d}"})
            for person in range(plan.respondents)
            for question in versions[person % len(versions)]
        )
        shown = tuple(f"item_{place + 1}" for place in range(plan.shown))
        columns, title = (*KEYS, *shown, *PICKS), texts.maxdiff_title
        return Questionnaire(instrument="maxdiff", title=title, columns=columns, keeps="cells", questions=questions)

    def read(self, file: SurveyFile, market: MarketSpec) -> MaxDiffAnswers:  # noqa: ARG002 - nothing of the brief
        """Read the tasks; every cell filled, no item twice in a task, best and worst among those shown.

        A task whose best is its worst contradicts itself: it is left out, and noted with its row.
        """
        shown = tuple(f"item_{place + 1}" for place in range(MOST_SHOWN))
        sheet = Sheet.of(file, needs=(*KEYS, *shown[:2], *PICKS), may=shown[2:])
        person, task = sheet.names("respondent"), sheet.names("task")
        columns = [sheet.names(name, most=MOST_ITEMS) for name in shown if sheet.has(name)]
        sheet.once(person, task, found="a respondent answers a task more than once")
        coded, items = _coded([*columns, *(sheet.names(name, most=MOST_ITEMS) for name in PICKS)])
        lists, best, worst = coded[:, :-2], coded[:, -2], coded[:, -1]
        _check_lists(sheet, [column.column for column in columns], lists)
        places = [_place(sheet, name, lists, picked) for name, picked in zip(PICKS, (best, worst), strict=True)]
        who = sheet.respondents(person)
        sheet.check()
        torn = best == worst
        notes = list(sheet.notes())
        if torn.any():
            reason = "the same item is best and worst"
            notes.append(f"Left out: {int(torn.sum())} of {sheet.rows} tasks, where {reason} ({rows_of(torn)}).")
        kept = ~torn
        answers = BestWorst(
            lists[kept], places[0][kept], places[1][kept], person.codes[kept], who.weights, len(items)
        )  # fmt: skip
        return MaxDiffAnswers(answers, items, who, tuple(notes))

    def estimate(self, answers: MaxDiffAnswers, market: MarketSpec, *, run: Run) -> Finding:
        """Shares of importance that sum to 100, and best − worst counts, each with 95 % intervals."""
        coded, notes = answers.answers, [*answers.notes, *answers.who.notes()]
        tables: list[FindingTable] = []
        groups = comparable(coded)
        if coded.best.size and (groups == groups[0]).all():
            with run.reporter.task("best–worst logit") as progress:
                fit = fit_best_worst(coded, progress=progress)
            tables.append(_share_table(fit, answers.items))
            gain = 1 - fit.log_likelihood / fit.log_likelihood_null
            notes.append(f"Sequential best–worst logit, McFadden R² {gain:.3f}; errors clustered by respondent.")
        else:
            found = f"some items never lost, or never won, against all others ({_outsiders(groups, answers.items)})"
            notes.append(f"No shares: {found}. The counts stand.")
        return Finding(
            instrument="maxdiff",
            title="What matters most (MaxDiff)",
            respondents=answers.who.count,
            answers=coded.best.size,
            simulated=market.simulated,
            tables=(*tables, _count_table(coded, answers.items)),
            notes=tuple(notes),
        )


def _version(plan: MaxDiffPlan, tasks: Ints, texts: InstrumentTexts) -> list[Question]:
    questions = []
    for number, task in enumerate(tasks.tolist(), start=1):
        shown = tuple(plan.items[item] for item in task)
        fields = (
            Field(name="best", kind="text", text=texts.maxdiff_best, allowed=shown, show="choice"),
            Field(name="worst", kind="text", text=texts.maxdiff_worst, allowed=shown, show="choice"),
        )
        given = {"task": float(number), **{f"item_{place}": item for place, item in enumerate(shown, start=1)}}
        text = texts.maxdiff_question
        questions.append(Question(id=str(number), respondent="", text=text, fields=fields, given=given, distinct=PICKS))
    return questions


def _coded(columns: list[Names]) -> tuple[Ints, tuple[str, ...]]:
    """Codes (rows, columns) into the sorted names of all columns; −1 where empty."""
    items = tuple(sorted({word for column in columns for word in column.labels}))
    place = {word: code for code, word in enumerate(items)}
    coded = [
        np.array([*(place[word] for word in column.labels), -1], dtype=np.int64)[column.codes] for column in columns
    ]
    return np.stack(coded, axis=1), items


def _check_lists(sheet: Sheet, names: list[str], lists: Ints) -> None:
    """Columns without a gap, and no item twice in a task."""
    for place, name in enumerate(names, start=1):
        if name != f"item_{place}":
            sheet.problem("header", f"has '{name}' but no 'item_{place}'", "items without a gap", "rename the columns")
            return
    ordered = np.sort(lists, axis=1)
    twice = ((np.diff(ordered, axis=1) == 0) & (ordered[:, 1:] >= 0)).any(axis=1)
    if twice.any():
        sheet.problem(rows_of(twice), "shows an item twice", "different items", "correct the task")


def _place(sheet: Sheet, name: str, lists: Ints, picked: Ints) -> Ints:
    """(rows,) the place of the item that was picked among those shown."""
    hit = lists == picked[:, None]
    lost = (picked >= 0) & ~hit.any(axis=1) & (lists >= 0).all(axis=1)
    if lost.any():
        do = f"correct the cell, or add the column 'item_{lists.shape[1] + 1}' if more were shown"
        sheet.problem(f"column '{name}', {rows_of(lost)}", "is none of the items shown", "one that was shown", do)
    return np.asarray(hit.argmax(axis=1), dtype=np.int64)


def _share_table(fit: BestWorstFit, items: tuple[str, ...]) -> FindingTable:
    order = np.argsort(-fit.shares, kind="stable").tolist()
    return FindingTable(
        title="Share of importance",
        columns=("item", "share", "low", "high", "n"),
        rows=tuple((items[item], *interval_cells(share := fit.share(item)), share.n) for item in order),
        note="The chance of each item to be the most important of all, in percent, with 95 % intervals.",
        drawing=Drawing(kind="intervals", x="share", label="item", low="low", high="high", marks=(100 / len(items),)),
    )


def _count_table(answers: BestWorst, items: tuple[str, ...]) -> FindingTable:
    scores = best_worst_counts(answers)
    rows = np.arange(answers.best.size)
    best, worst, shown = (
        np.bincount(codes.ravel(), minlength=len(items)).tolist()
        for codes in (answers.shown[rows, answers.best], answers.shown[rows, answers.worst], answers.shown)
    )
    known = np.flatnonzero(scores.people > 0)
    return FindingTable(
        title="Best and worst counts",
        columns=("item", "best", "worst", "shown", "score", "low", "high", "n"),
        rows=tuple(
            (items[item], best[item], worst[item], shown[item], *interval_cells(score := scores.item(item)), score.n)
            for item in known[np.argsort(-scores.value[known], kind="stable")].tolist()
        ),
        note="Score: (best − worst) / shown, from −1 to 1, weighted, with 95 % intervals clustered by respondent.",
    )


def _outsiders(groups: Ints, items: tuple[str, ...]) -> str:
    """Items outside the largest group."""
    outside: Flags = groups != np.bincount(groups).argmax()
    names = [f"'{items[item]}'" for item in np.flatnonzero(outside)[:5].tolist()]
    more = int(outside.sum()) - len(names)
    return ", ".join(names) + (f" and {more} more" if more > 0 else "") if names else "no answers"
