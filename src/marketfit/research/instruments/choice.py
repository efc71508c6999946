"""Choice survey (conjoint): people choose among products, and a multinomial logit says what each attribute is worth."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import pyarrow as pa

from marketfit.brief import MarketSpec, SurveyFile
from marketfit.demand import ChoiceData, ChoiceDesign, model_to_json
from marketfit.demand.choices.table import DEFAULT_NONE
from marketfit.engine import Run
from marketfit.errors import DataError, Problem
from marketfit.records import ChoiceStudy, PartWorth, Record
from marketfit.records.questionnaire import Option, Question, Questionnaire
from marketfit.research import cells
from marketfit.research.attributes import declaration_problems, is_number, signs
from marketfit.research.choice_design import ChoicePlan, design_of
from marketfit.research.choice_model import fit_choices, money
from marketfit.research.files import RawFile, Table, read_raw
from marketfit.research.wide import read_wide

KEYS = ("respondent", "task", "alternative")
CHOSEN = "chosen"


@dataclass(frozen=True, eq=False)
class ChoiceAnswers:
    """Validated choices. unused: columns that are neither keys nor attributes of the brief. notes: what of the file
    was left out.
    """

    data: ChoiceData
    unused: tuple[str, ...]
    notes: tuple[str, ...] = ()


class ChoiceFinding(Record):
    """The estimated study, with notes on how the model came about."""

    study: ChoiceStudy
    notes: tuple[str, ...]


class Choice:
    """Choice survey by multinomial logit."""

    plan: ClassVar[type[Record]] = ChoicePlan

    def design(self, plan: ChoicePlan, *, seed: int, progress: Callable[[float], None] | None = None) -> Questionnaire:
        """The questionnaire of the plan's design (see `ChoicePlan.method`). progress: is called with the part done."""
        return questionnaire_of(design_of(plan, seed=seed, progress=progress), respondents=plan.respondents)

    def read(self, file: SurveyFile, market: MarketSpec) -> ChoiceAnswers:
        """Read the long form: respondent, task, alternative, chosen and one column per attribute.

        An alternative `none` with empty attribute cells is the option to take nothing. An export with one row for each
        respondent is turned into the long form first (`file.wide`).
        """
        path, problems = file.source, declaration_problems(market)
        attributes = tuple(market.attributes)
        wanted = (*KEYS, CHOSEN, *attributes)
        notes: tuple[str, ...] = ()
        raw = None if file.wide else read_raw(file, wanted, problems)
        if file.wide and (made := read_wide(file, file.wide, market, problems)):
            raw, notes = made
        if raw is None:
            raise DataError(problems)
        if not attributes:
            do = "declare them in market.attributes"
            problems.append(Problem(str(path), "no attribute is declared", "one or more", do))
            raise DataError(problems)
        # Told here and not by demand, because here all names of the file are known.
        problems.extend(raw.missing(wanted))
        table = _typed(raw, market, problems)
        try:
            data = ChoiceData.from_table(
                table, task="task", alternative="alternative", chosen=CHOSEN, attributes=attributes,
                respondent="respondent",
            )  # fmt: skip
        except DataError as error:
            place = path if raw.rows is None else f"{path}, turned into the long form"
            told = {f"column '{name}'" for name in wanted if name not in raw.table.column_names}
            found = [
                Problem(f"{place}: {p.where}", p.found, p.allowed, p.do) for p in error.problems if p.where not in told
            ]
            raise DataError([*problems, *found]) from error
        if problems:
            raise DataError(problems)
        return ChoiceAnswers(data, raw.unused, notes)

    def estimate(self, answers: ChoiceAnswers, market: MarketSpec, *, run: Run) -> ChoiceFinding:
        """Part-worths with errors clustered by respondent, willingness to pay, log-likelihoods.

        Raises:
            DataError: coefficients can't be told apart, or something predicts choices without exception.
        """
        data = answers.data
        try:
            with run.reporter.task("choice model") as progress:
                fitted = fit_choices(data, signs=signs(market), price=market.price, progress=progress)
        except DataError as error:
            raise DataError(
                [Problem(f"{market.choices}: {p.where}", p.found, p.allowed, p.do) for p in error.problems]
            ) from error
        model = fitted.model
        seed = run.seed_for("research", "willingness to pay")
        worth, money_notes = money(fitted.straight_price, price=market.price, seed=seed)
        errors = model.standard_errors
        study = ChoiceStudy(
            model=run.workspace.put_bytes(model_to_json(model).encode(), suffix=".json"),
            part_worths=tuple(
                PartWorth(name=name, value=value, standard_error=_finite(errors[name]))
                for name, value in model.coefficients.items()
            ),
            willingness_to_pay=worth,
            log_likelihood=model.log_likelihood,
            log_likelihood_null=model.log_likelihood_null,
            respondents=model.respondents,
            tasks=model.observations,
            simulated=market.simulated,
        )
        return ChoiceFinding(study=study, notes=(*fitted.notes, *money_notes))


def questionnaire_of(design: ChoiceDesign, *, respondents: int) -> Questionnaire:
    """A choice design, made or read from a file, as questions to people, who get its versions in turn.

    Raises DataError for attributes with the name of a column of the survey file.
    """
    names = design.space.names
    if taken := [name for name in names if name in (*KEYS, CHOSEN)]:
        problems = [Problem(f"levels.{name}", "is a column of the survey file", "another", "rename") for name in taken]
        raise DataError(problems)
    none = (Option(name=DEFAULT_NONE),) if design.space.none else ()
    questions = []
    for person in range(respondents):
        for task in range(design.space.tasks):
            offers = design.offers(person % design.space.versions, task)
            shown = [Option(name=str(place), values=offer) for place, offer in enumerate(offers, start=1)]
            text = "Which of these would you choose?"
            questions.append(
                Question(id=str(task + 1), respondent=f"r{person + 1:03d}", text=text, options=(*shown, *none))
            )
    return Questionnaire(
        instrument="choice",
        title="Choice survey",
        columns=(*KEYS, CHOSEN, *names),
        keeps="options",
        questions=tuple(questions),
    )


def _typed(raw: RawFile, market: MarketSpec, problems: list[Problem]) -> Table:
    """The columns as numbers or names, as the brief declares them; missing ones are for `ChoiceData` to report."""
    table = {}
    for name in raw.table.column_names:
        if name in KEYS:
            table[name] = cells.names(raw, name, problems, required=False)
        elif name == CHOSEN:
            table[name] = cells.numbers(raw, name, problems, allowed="1 (chosen) or 0")
        elif is_number(market.attributes[name]):
            allowed = "numbers; to make them names, quote an offer of the attribute in the brief"
            table[name] = cells.numbers(raw, name, problems, allowed=allowed)
        else:
            # As categories: declared as names, "1" and "unlimited" are two of them.
            table[name] = cells.names(raw, name, problems, required=False).dictionary_encode()
    return pa.table(table)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
