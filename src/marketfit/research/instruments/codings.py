"""Codings: what several people make of the same open answers, and whether they agree (Krippendorff's α)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field as Limits

from marketfit.brief import MarketSpec, SurveyFile
from marketfit.engine import Run
from marketfit.errors import DataError, Problem
from marketfit.records.base import Record
from marketfit.records.findings import Drawing, Figure, Finding, FindingTable
from marketfit.records.questionnaire import Field, Language, Question, Questionnaire
from marketfit.research import cells
from marketfit.research.agreement import RELIABLE, TENTATIVE, Agreement, Codes, krippendorff_alpha
from marketfit.research.files import RawFile, name_rows, read_raw
from marketfit.research.instruments.texts import INSTRUMENT_TEXTS

COLUMNS = ("unit", "respondent", "code")


class CodingPlan(Record):
    """Units (answers, statements) that every coder puts under one of the codes."""

    units: tuple[str, ...] = Limits(min_length=2)
    codes: tuple[str, ...] = Limits(min_length=2)
    coders: Annotated[int, Limits(ge=2)] = 2


@dataclass(frozen=True, eq=False)
class CodingAnswers:
    """codes: (units, coders), −1 where a coder left a unit out."""

    codes: Codes
    units: tuple[str, ...]
    coders: tuple[str, ...]
    names: tuple[str, ...]


class Codings:
    """Agreement of coders."""

    plan: ClassVar[type[Record]] = CodingPlan

    def design(self, plan: CodingPlan, *, seed: int, language: Language = "en") -> Questionnaire:
        """Every unit to every coder, in an order of their own."""
        rng = np.random.default_rng(seed)
        texts = INSTRUMENT_TEXTS[language]
        field = Field(name="code", kind="text", text=texts.codings_question, allowed=plan.codes, show="choice")
        questions = [
            Question(
                id=f"{coder}-{unit}", respondent=f"c{coder + 1}", text=plan.units[unit], fields=(field,),
                given={"unit": plan.units[unit]},
            )
            for coder in range(plan.coders)
            for unit in rng.permutation(len(plan.units)).tolist()
        ]  # fmt: skip
        return Questionnaire(
            instrument="codings", title=texts.codings_title, columns=COLUMNS, keeps="cells", questions=tuple(questions)
        )

    def read(self, file: SurveyFile, market: MarketSpec) -> CodingAnswers:  # noqa: ARG002 - no attributes are needed
        """Read unit, respondent (the coder) and code; nobody codes a unit twice."""
        problems: list[Problem] = []
        raw = read_raw(file, COLUMNS, problems)
        if raw is None:
            raise DataError(problems)
        problems.extend(raw.missing(COLUMNS))
        if not raw.table.num_rows:
            problems.append(Problem(str(raw.path), "has no rows", "one row for each coding", "give the codings"))
        if raw.missing(COLUMNS):
            raise DataError(problems)
        texts = [np.array(cells.names(raw, name, problems, required=True).to_pylist()) for name in COLUMNS]
        if problems:
            raise DataError(problems)
        (units, unit), (coders, coder), (names, code) = (
            np.unique(text.astype(np.str_), return_inverse=True) for text in texts
        )
        _check_repeats(raw, unit, coder, problems)
        if problems:
            raise DataError(problems)
        table = np.full((units.size, coders.size), -1, dtype=np.int64)
        table[unit, coder] = code
        return CodingAnswers(table, tuple(units.tolist()), tuple(coders.tolist()), tuple(names.tolist()))

    def estimate(self, answers: CodingAnswers, market: MarketSpec, *, run: Run) -> Finding:
        """α over all codes, and of each code against the rest.

        Raises:
            DataError: no unit has two codes, or only one code is in use.
        """
        seed = run.seed_for("research", "codings")
        overall = krippendorff_alpha(answers.codes, values=len(answers.names), seed=seed)
        rows, silent = _by_code(answers, seed)
        notes = [_meaning(overall)]
        if silent:
            named = ", ".join(f"'{name}'" for name in silent)
            notes.append(f"No α of {named}: used in no unit that two people coded, so there is nothing to agree on.")
        return Finding(
            instrument="codings",
            title="Do coders agree?",
            respondents=len(answers.coders),
            answers=int((answers.codes >= 0).sum()),
            simulated=market.simulated,
            figures=(_figure(overall),),
            tables=(
                FindingTable(
                    title="Agreement on each code (Krippendorff's α, that code against the rest)",
                    columns=("code", "alpha", "low", "high", "times used", "units"),
                    rows=rows,
                    note="95 % intervals from resampled units.",
                    drawing=Drawing(kind="intervals", x="alpha", label="code", low="low", high="high",
                                    marks=(TENTATIVE, RELIABLE)),
                ),
            ),
            notes=tuple(notes),
        )  # fmt: skip


_Row = tuple[float | str | None, ...]


def _by_code(answers: CodingAnswers, seed: int) -> tuple[tuple[_Row, ...], list[str]]:
    """A row for each code against the rest, and the codes without α."""
    rows, silent = list[_Row](), list[str]()
    shared = answers.codes[(answers.codes >= 0).sum(axis=1) > 1]
    for place, name in enumerate(answers.names):
        used = float((answers.codes == place).sum())
        if (shared == place).any():
            one = np.where(shared < 0, -1, (shared == place).astype(np.int64))
            agreement = krippendorff_alpha(one, values=2, seed=seed)
            rows.append((name, agreement.alpha, agreement.low, agreement.high, used, float(agreement.units)))
        else:
            silent.append(name)
            rows.append((name, None, None, None, used, 0.0))
    return tuple(rows), silent


def _figure(found: Agreement) -> Figure:
    return Figure(name="Krippendorff's α", value=found.alpha, low=found.low, high=found.high, n=found.units)


def _meaning(found: Agreement) -> str:
    lower = found.low
    if lower is None:
        return f"{found.units} units that two people coded are too few to tell whether the codes can be relied on."
    if lower >= RELIABLE:
        return f"The codes can be relied on: the interval of α lies above {RELIABLE} (Krippendorff 2004)."
    if lower >= TENTATIVE:
        return f"Tentative conclusions only: the interval of α begins between {TENTATIVE} and {RELIABLE}."
    return f"Not reliable: the interval of α reaches below {TENTATIVE}. Sharpen the codes and code again."


def _check_repeats(raw: RawFile, unit: Codes, coder: Codes, problems: list[Problem]) -> None:
    pairs = np.stack([unit, coder], axis=1)
    _, first = np.unique(pairs, axis=0, return_index=True)
    again = np.setdiff1d(np.arange(len(pairs)), first)
    if again.size:
        where = f"{raw.path}: {name_rows((again + 1).tolist())}"
        problems.append(Problem(where, "the coder has coded this unit already", "one code", "keep one of the rows"))
