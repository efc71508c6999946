"""Who answers a survey, which of its questions each of them is asked, and what is written down of them."""

from __future__ import annotations

from dataclasses import dataclass

from marketfit.records.base import Record
from marketfit.records.questionnaire import Question, Questionnaire, Survey


@dataclass(frozen=True)
class Asked:
    """One question on a respondent's way: number `place` (from 0) of a part."""

    part: Questionnaire
    place: int

    @property
    def question(self) -> Question:
        """The question itself."""
        return self.part.questions[self.place]


def designed_respondents(survey: Survey) -> tuple[str, ...]:
    """Those that some part was designed for, in the order in which they first come; empty: all questions are for
    anyone. One name is one person, in all parts.
    """
    people = (question.respondent for part in survey.parts for question in part.questions if question.respondent)
    return tuple(dict.fromkeys(people))


def asked_of(survey: Survey, respondent: str) -> tuple[Asked, ...]:
    """A respondent's way through the survey: their own questions and those for anyone, in the order of the parts."""
    return tuple(
        Asked(part=part, place=place)
        for part in survey.parts
        for place, question in enumerate(part.questions)
        if question.respondent in (respondent, "")
    )


class RespondentRow(Record):
    """One line of `respondents.csv`. Times are UTC; seconds: from showing to first answering, over all questions."""

    respondent: str
    external_id: str
    started: str
    finished: str
    seconds: float
    answered: int
    complete: int


RESPONDENT_COLUMNS = tuple(RespondentRow.model_fields)
"""What the file says of everybody, whatever else is asked of them."""
