"""Respondents on their way through a survey: who they are, what they are asked next, what they have said."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from marketfit.ledger import Ledger
from marketfit.ledger import surveys as ledger_surveys
from marketfit.ledger.surveys import AnswerNote, Design, Place, Session
from marketfit.records.questionnaire import Answer, Survey
from marketfit.records.respondents import Asked, asked_of, designed_respondents
from marketfit.serve.survey.settings import SurveySettings

_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")
_MOST_ID = 200


@dataclass(frozen=True)
class Visit:
    """A respondent and what they have answered."""

    session: Session
    way: tuple[Asked, ...]
    said: Mapping[Place, AnswerNote]

    @property
    def next(self) -> int:
        """The first question (from 1) that has no answer; one beyond the last where all have."""
        waiting = (number for number in range(1, len(self.way) + 1) if self.answer(number) is None)
        return next(waiting, len(self.way) + 1)

    def place(self, number: int) -> Place:
        """Where question number `number` (from 1) stands in the survey."""
        asked = self.way[number - 1]
        return asked.part.instrument, asked.place

    def answer(self, number: int) -> AnswerNote | None:
        """The answer that counts, if there is one."""
        return self.said.get(self.place(number))


class Visits:
    """All respondents of one survey, over the ledger. Every method commits before it returns."""

    def __init__(self, survey: Survey, ledger: Ledger, settings: SurveySettings) -> None:
        self.survey = survey
        self.ledger = ledger
        self.settings = settings
        self.design = Design(survey.name, survey.digest())
        self._designed = designed_respondents(survey)

    @staticmethod
    def new_token() -> str:
        """The secret of a personal link: 256 random bits."""
        return secrets.token_urlsafe(32)

    def begin(self, *, token: str, external: str | None) -> Visit | None:
        """Give somebody a place in the survey, or find the one that they have; None if it is full.

        token: made with the page on which they begin, so that beginning twice there is beginning once.
        """
        session = ledger_surveys.take_slot(self.ledger, self.design, token=token, external=external, name=self._name)
        return None if session is None else self._visit(session)

    def find(self, token: str | None) -> Visit | None:
        """The visit of a personal link."""
        if token is None or not _TOKEN.fullmatch(token):
            return None
        session = ledger_surveys.session_of(self.ledger, self.design, token=token)
        return None if session is None else self._visit(session)

    def find_external(self, external: str) -> Visit | None:
        """The visit of somebody whom a panel provider sent before."""
        session = ledger_surveys.session_of(self.ledger, self.design, external=external)
        return None if session is None else self._visit(session)

    def full(self) -> bool:
        """Whether nobody else can begin."""
        taken = ledger_surveys.last_slot(self.ledger, self.design)
        return self._name(taken + 1) is None

    def shown(self, visit: Visit, number: int) -> None:
        """Note that a question is on somebody's screen: the clock of its answer starts the first time."""
        ledger_surveys.note_shown(self.ledger, visit.session, visit.place(number))

    def keep(self, visit: Visit, number: int, answer: Answer) -> None:
        """Write an answer down."""
        ledger_surveys.note_answer(
            self.ledger, visit.session, visit.place(number), picked=answer.picked, cells=answer.cells
        )

    def _visit(self, session: Session) -> Visit:
        said = ledger_surveys.newest(ledger_surveys.answers(self.ledger, self.survey.name, session=session.id))
        return Visit(session, asked_of(self.survey, session.respondent), said)

    def _name(self, slot: int) -> str | None:
        most = self.settings.max_respondents
        if most is not None and slot > most:
            return None
        if not self._designed:
            return f"p{slot:04d}"
        return self._designed[slot - 1] if slot <= len(self._designed) else None


def usable_token(text: str | None) -> str | None:
    """A token as `Visits.new_token` makes it, or None."""
    return text if text is not None and _TOKEN.fullmatch(text) else None


def usable_id(text: str | None) -> str | None:
    """A panel provider's id, or None where there is none of a sensible length."""
    cleaned = "".join(character for character in text or "" if character.isprintable()).strip()
    return cleaned if 0 < len(cleaned) <= _MOST_ID else None
