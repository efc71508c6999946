"""The Instrument contract: a way of asking the market. Members are found through `marketfit.instruments`.

An instrument designs a questionnaire, reads the file of its answers, and estimates a record from them. Every member
passes `marketfit.testing.instruments.check_instrument`. One that a brief names under `market.surveys` estimates a
`Finding`, which the report shows without knowing the instrument. Answers that know who gave them (`NamedAnswers` of
`marketfit.research.respondents`) are estimated without the people whom the choice survey found careless, and weighted
to the market.
"""

from __future__ import annotations

from typing import ClassVar, Protocol, TypeVar

from marketfit.brief import MarketSpec, SurveyFile
from marketfit.engine import Run
from marketfit.records.base import Record
from marketfit.records.questionnaire import Language, Questionnaire

PlanT_contra = TypeVar("PlanT_contra", bound=Record, contravariant=True)
AnswersT = TypeVar("AnswersT")
FindingT_co = TypeVar("FindingT_co", bound=Record, covariant=True)


class Instrument(Protocol[PlanT_contra, AnswersT, FindingT_co]):
    """One way of asking, over three types: the plan, the validated answers, and the finding."""

    plan: ClassVar[type[Record]]
    """The record that declares its questionnaires; a survey file is checked against it."""

    def design(self, plan: PlanT_contra, *, seed: int, language: Language = "en") -> Questionnaire:
        """The questionnaire of a plan; the same plan and seed give the same one.

        language: of the words that are not the plan's (`instruments.texts` has those of the built-in ones). Only texts
        and labels are in it: columns, values and their order are the same in all, so that `read` need not know it.

        Raises:
            DataError: everything that makes the plan impossible.
        """
        ...

    def read(self, file: SurveyFile, market: MarketSpec) -> AnswersT:
        """Read a file of answers (csv, tsv, jsonl, parquet) with the columns of the questionnaire, which the file may
        call by other names (`file.columns`).

        Raises:
            DataError: every mistake in the file, each with file and row.
        """
        ...

    def estimate(self, answers: AnswersT, market: MarketSpec, *, run: Run) -> FindingT_co:
        """What the answers say, as a record; large parts go to the run's workspace. The same answers and seed of
        the run give the same record.
        """
        ...
