"""Choice survey (conjoint): people choose among products, and a choice model says what each attribute is worth."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pyarrow as pa

from marketfit.brief import MarketSpec, SurveyFile
from marketfit.demand import ChoiceData, ChoiceDesign
from marketfit.demand.arrays import label
from marketfit.demand.choices.table import DEFAULT_NONE
from marketfit.engine import Run
from marketfit.errors import DataError, Problem
from marketfit.records.base import Record
from marketfit.records.questionnaire import Language, Option, Question, Questionnaire
from marketfit.research import cells
from marketfit.research.attributes import declaration_problems, is_number
from marketfit.research.choice_design import ChoicePlan, design_of
from marketfit.research.choice_labels import label_problems, labels_of
from marketfit.research.files import RawFile, Table, read_raw
from marketfit.research.instruments.texts import INSTRUMENT_TEXTS
from marketfit.research.levels import check_names, rare_levels, read_levels
from marketfit.research.study.estimate import ChoiceFinding, estimate_study
from marketfit.research.study.people import People, read_people
from marketfit.research.wide import read_wide

KEYS = ("respondent", "task", "alternative")
CHOSEN = "chosen"
WEIGHT = "weight"
MOST_NAMED = 10


@dataclass(frozen=True, eq=False)
class ChoiceAnswers:
    """Validated choices. unused: columns that are neither keys nor attributes of the brief. notes: what of the file
    was left out. people: who was asked, where the brief has a table of them. rare: levels that may be typos.
    """

    data: ChoiceData
    unused: tuple[str, ...]
    notes: tuple[str, ...] = ()
    people: People | None = None
    rare: tuple[Problem, ...] = ()


class Choice:
    """Choice survey (conjoint)."""

    plan: ClassVar[type[Record]] = ChoicePlan

    def design(
        self,
        plan: ChoicePlan,
        *,
        seed: int,
        language: Language = "en",
        progress: Callable[[float], None] | None = None,
    ) -> Questionnaire:
        """The questionnaire of the plan's design (see `ChoicePlan.method`). progress: is called with the part done."""
        problems = label_problems(plan)
        design: ChoiceDesign | None = None
        try:
            design = design_of(plan, seed=seed, progress=progress)
        except DataError as error:
            problems += error.problems
        if problems or design is None:
            raise DataError(problems)
        made = questionnaire_of(design, respondents=plan.respondents, language=language)
        return made.model_copy(update={"labels": labels_of(plan)})

    def read(self, file: SurveyFile, market: MarketSpec) -> ChoiceAnswers:
        """Read the long form: respondent, task, alternative, chosen and one column per attribute; perhaps weight.

        An alternative `none` with empty attribute cells is the option to take nothing. An export with one row for each
        respondent is turned into the long form first (`file.wide`).
        """
        problems = declaration_problems(market)
        read: ChoiceAnswers | None = None
        people: People | None = None
        try:
            read = _read_choices(file, market)
        except DataError as error:
            problems += error.problems
        try:
            people = read_people(market.respondents, market) if market.respondents else None
        except DataError as error:
            problems += error.problems
        if problems or read is None:
            raise DataError(problems)
        return replace(read, people=people)

    def estimate(self, answers: ChoiceAnswers, market: MarketSpec, *, run: Run) -> ChoiceFinding:
        """The study: see `estimate_study`.

        Raises:
            DataError: coefficients can't be told apart, or something predicts choices without exception; then with the
                rare levels, which are the likely reason.
        """
        try:
            return estimate_study(answers.data, answers.people, market, run=run)
        except DataError as error:
            raise DataError([*error.problems, *answers.rare]) from error


def questionnaire_of(design: ChoiceDesign, *, respondents: int, language: Language = "en") -> Questionnaire:
    """A choice design, made or read from a file, as questions to people, who get its versions in turn.

    Raises DataError for attributes with the name of a column of the survey file.
    """
    texts, names = INSTRUMENT_TEXTS[language], design.space.names
    if taken := [name for name in names if name in (*KEYS, CHOSEN)]:
        problems = [Problem(f"levels.{name}", "is a column of the survey file", "another", "rename") for name in taken]
        raise DataError(problems)
    none = (Option(name=DEFAULT_NONE),) if design.space.none else ()
    questions = []
    for person in range(respondents):
        for task in range(design.space.tasks):
            offers = design.offers(person % design.space.versions, task)
            shown = [Option(name=str(place), values=offer) for place, offer in enumerate(offers, start=1)]
            respondent, text = f"r{person + 1:03d}", texts.choice_question
            questions.append(Question(id=str(task + 1), respondent=respondent, text=text, options=(*shown, *none)))
    return Questionnaire(
        instrument="choice",
        title=texts.choice_title,
        columns=(*KEYS, CHOSEN, *names),
        keeps="options",
        questions=tuple(questions),
    )


def _read_choices(file: SurveyFile, market: MarketSpec) -> ChoiceAnswers:
    """The choices, without who was asked.

    Raises:
        DataError: every mistake in the file.
    """
    attributes, problems = tuple(market.attributes), list[Problem]()
    wanted = (*KEYS, CHOSEN, *attributes)
    may_be = () if WEIGHT in attributes else (WEIGHT,)
    if not attributes:
        do = "declare them in market.attributes"
        raise DataError([Problem(str(file.source), "no attribute is declared", "one or more", do)])
    raw, notes = _long_form(file, (*wanted, *may_be), market, problems)
    if raw is None:
        raise DataError(problems)
    # Told here and not by demand, because here all names of the file are known.
    problems.extend(raw.missing(wanted))
    table = _typed(raw, market, problems)
    weighted = bool(may_be) and WEIGHT in raw.table.column_names
    try:
        data = ChoiceData.from_table(
            table, task="task", alternative="alternative", chosen=CHOSEN, attributes=attributes,
            respondent="respondent", weights=WEIGHT if weighted else None,
        )  # fmt: skip
        problems += _uneven(raw.path, data) if weighted else []
    except DataError as error:
        place = f"{file.source}, turned into the long form" if file.wide else str(file.source)
        told = {f"column '{name}'" for name in wanted if name not in raw.table.column_names}
        problems += [
            Problem(f"{place}: {p.where}", p.found, p.allowed, p.do) for p in error.problems if p.where not in told
        ]
        raise DataError(problems) from error
    if problems:
        raise DataError(problems)
    rare = rare_levels(raw, table, market)
    said = [f"{str(one).replace(str(raw.path), raw.path.name, 1)}." for one in rare]
    return ChoiceAnswers(data, raw.unused, (*notes, *said), rare=rare)


def _uneven(path: Path, data: ChoiceData) -> list[Problem]:
    """Respondents who do not have one weight above 0 throughout."""
    assert data.respondent is not None, "every row names its respondent"
    assert data.respondent_labels is not None, "as above"
    first, place = np.unique(data.respondent, return_index=True, return_inverse=True)[1:]
    wrong = (data.weights != data.weights[first][place]) | (data.weights <= 0)
    names = [label(data.respondent_labels[code]) for code in np.unique(data.respondent[wrong])[:MOST_NAMED].tolist()]
    if not names:
        return []
    allowed = "one number above 0 for each respondent"
    return [
        Problem(
            f"{path}: column '{WEIGHT}'", f"is 0 or differs between tasks of {', '.join(names)}", allowed, "correct"
        )
    ]


def _long_form(
    file: SurveyFile, wanted: Sequence[str], market: MarketSpec, problems: list[Problem]
) -> tuple[RawFile | None, tuple[str, ...]]:
    """The long form as it stands in the file, or as a wide export makes it; with notes on what was left out."""
    if file.wide is None:
        return read_raw(file, wanted, problems), ()
    return read_wide(file, file.wide, market, problems) or (None, ())


def _typed(raw: RawFile, market: MarketSpec, problems: list[Problem]) -> Table:
    """The columns as numbers or names, as the brief declares them; missing ones are for `ChoiceData` to report."""
    table = {}
    for name in raw.table.column_names:
        if name in KEYS:
            table[name] = cells.names(raw, name, problems, required=False)
        elif name == CHOSEN:
            table[name] = cells.numbers(raw, name, problems, allowed="1 (chosen) or 0")
        elif name == WEIGHT and name not in market.attributes:
            table[name] = cells.numbers(
                raw, name, problems, allowed="a number above 0, the same for all of a respondent"
            )
        elif is_number(spec := market.attributes[name]):
            table[name] = read_levels(raw, name, name, spec, problems)
        else:
            # As categories: declared as names, "1" and "unlimited" are two of them.
            text = cells.names(raw, name, problems, required=False)
            check_names(raw, name, text, name, spec, problems)
            table[name] = text.dictionary_encode()
    return pa.table(table)
