"""Respondents of a survey and what they answer: sessions, and events of the kinds `shown` and `answer`.

Everything belongs to one design (the digest of the survey): answers to one are never counted for another.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from sqlalchemy import func, insert, select
from sqlalchemy.exc import IntegrityError

from marketfit.ledger.events import Event, new_id
from marketfit.ledger.store import Ledger
from marketfit.ledger.tables import SESSIONS
from marketfit.records.base import Record, digest_of
from marketfit.records.questionnaire import Cell


@dataclass(frozen=True)
class Design:
    """A survey as the ledger knows it: its name, and the digest of all that is asked."""

    survey: str
    digest: str


@dataclass(frozen=True)
class Session:
    """One respondent of one design of a survey. `token` is the secret of the personal link."""

    id: str
    survey: str
    design: str
    slot: int
    respondent: str
    external: str | None
    token: str
    started: float


class AnswerNote(Record):
    """The payload of an answer: question number `question` of a part, and seconds since it was first shown.

    revision: 1 for the first answer of the session to that question, 2 when it was changed once.
    """

    part: str
    question: int
    picked: str | None = None
    cells: Mapping[str, Cell] = {}
    seconds: float
    revision: int


@dataclass(frozen=True)
class Answered:
    """An answer read back from the ledger."""

    session: str
    created: float
    note: AnswerNote


Place = tuple[str, int]
"""A question: the instrument of its part, and its number there (from 0)."""


def take_slot(
    ledger: Ledger, design: Design, *, token: str, external: str | None, name: Callable[[int], str | None]
) -> Session | None:
    """A session for somebody who begins: theirs, if the token or the external id has one; else the next free slot.

    name: slot (from 1) → who answers there; None where there is no such slot. Gives None when all slots are taken.
    Two people never get one slot, in however many processes.
    """
    while True:
        known = session_of(ledger, design, token=token)
        if known is None and external is not None:
            known = session_of(ledger, design, external=external)
        if known is not None:
            return known
        slot = last_slot(ledger, design) + 1
        respondent = name(slot)
        if respondent is None:
            return None
        made = Session(
            id=new_id(), survey=design.survey, design=design.digest, slot=slot, respondent=respondent,
            external=external, token=token, started=time.time(),
        )  # fmt: skip
        try:
            with ledger.engine.begin() as connection:
                connection.execute(insert(SESSIONS).values(**vars(made)))
        except IntegrityError:
            if _token_elsewhere(ledger, design, token):
                return None
            continue  # somebody else took this slot, or the same person came twice at once: look again
        return made


def last_slot(ledger: Ledger, design: Design) -> int:
    """The last slot that was given; slots are given in order, from 1."""
    query = select(func.max(SESSIONS.c.slot)).where(SESSIONS.c.design == design.digest)
    with ledger.engine.connect() as connection:
        return int(connection.execute(query).scalar() or 0)


def session_of(
    ledger: Ledger, design: Design, *, token: str | None = None, external: str | None = None
) -> Session | None:
    """The session of a personal link, or of an external id, in this design."""
    mine = SESSIONS.c.token == token if token is not None else SESSIONS.c.external == external
    query = select(SESSIONS).where(SESSIONS.c.design == design.digest, mine)
    with ledger.engine.connect() as connection:
        row = connection.execute(query).mappings().first()
    return Session(**row) if row else None


def sessions(ledger: Ledger, design: Design) -> tuple[Session, ...]:
    """All sessions of this design, by slot."""
    query = select(SESSIONS).where(SESSIONS.c.design == design.digest).order_by(SESSIONS.c.slot)
    with ledger.engine.connect() as connection:
        return tuple(Session(**row) for row in connection.execute(query).mappings())


def other_sessions(ledger: Ledger, design: Design) -> int:
    """How many people began other designs of a survey of this name."""
    query = select(func.count()).where(SESSIONS.c.survey == design.survey, SESSIONS.c.design != design.digest)
    with ledger.engine.connect() as connection:
        return connection.execute(query).scalar_one()


def note_shown(ledger: Ledger, session: Session, place: Place) -> float:
    """When a question was first shown, in seconds since the epoch; now, if it was not shown before."""
    now = Event(
        product=session.survey, kind="shown", subject=session.id, bundle=session.design,
        payload={"part": place[0], "question": place[1]}, id=digest_of(["shown", session.id, *place]),
    )  # fmt: skip
    if ledger.append([now]):
        return now.created
    first = ledger.event(now.id)
    return now.created if first is None else first.created


def note_answer(
    ledger: Ledger, session: Session, place: Place, *, picked: str | None, cells: Mapping[str, Cell]
) -> AnswerNote:
    """Write an answer down. The same one twice in a row is one; another one is a further revision. All are kept."""
    shown = note_shown(ledger, session, place)
    while True:
        before = [one.note for one in answers(ledger, session.survey, session=session.id) if _place(one.note) == place]
        if before and (before[-1].picked, before[-1].cells) == (picked, cells):
            return before[-1]
        now = time.time()
        note = AnswerNote(
            part=place[0], question=place[1], picked=picked, cells=cells, seconds=max(0.0, now - shown),
            revision=len(before) + 1,
        )  # fmt: skip
        event = Event(
            product=session.survey, kind="answer", subject=session.id, bundle=session.design, created=now,
            payload=note.model_dump(mode="json"), id=digest_of(["answer", session.id, *place, note.revision]),
        )  # fmt: skip
        if ledger.append([event]):
            return note  # else the same form was sent twice at once, and the other one was first: look again


def answers(ledger: Ledger, survey: str, *, session: str | None = None) -> tuple[Answered, ...]:
    """All answers to a survey, or those of one session, in the order they were given."""
    return tuple(
        Answered(event.subject, event.created, AnswerNote.model_validate(dict(event.payload)))
        for event in ledger.events(survey, kinds=("answer",), subject=session)
    )


def newest(given: Sequence[Answered]) -> dict[Place, AnswerNote]:
    """The answer that counts for each question: the last revision."""
    return {_place(one.note): one.note for one in sorted(given, key=lambda one: one.note.revision)}


def _place(note: AnswerNote) -> Place:
    return note.part, note.question


def _token_elsewhere(ledger: Ledger, design: Design, token: str) -> bool:
    query = select(SESSIONS.c.id).where(SESSIONS.c.token == token, SESSIONS.c.design != design.digest)
    with ledger.engine.connect() as connection:
        return cast("str | None", connection.execute(query).scalar()) is not None
