"""Respondents of surveys in the ledger, on both databases: slots are given once, answers are kept once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from marketfit.ledger import Ledger
from marketfit.ledger.surveys import (
    Answered,
    Design,
    Session,
    answers,
    newest,
    note_answer,
    other_sessions,
    session_of,
    sessions,
    take_slot,
)

DESIGN = Design("kitchen", "d" * 64)


def take(ledger: Ledger, token: str, *, external: str | None = None, places: int = 20) -> Session | None:
    def name(slot: int) -> str | None:
        return f"r{slot}" if slot <= places else None

    return take_slot(ledger, DESIGN, token=token, external=external, name=name)


def test_each_slot_is_given_once_to_people_who_come_at_once(url: str) -> None:
    stores = [Ledger(url) for _ in range(2)]  # two processes would have one each
    with ThreadPoolExecutor(25) as pool:
        made = list(pool.map(lambda number: take(stores[number % 2], f"t{number}"), range(25)))
    given = [session.slot for session in made if session is not None]
    assert sorted(given) == list(range(1, 21))
    assert made.count(None) == 5
    assert [session.respondent for session in sessions(stores[0], DESIGN)] == [f"r{slot}" for slot in range(1, 21)]
    for store in stores:
        store.close()


def test_the_same_person_has_one_session(ledger: Ledger) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = set(pool.map(lambda number: take(ledger, f"t{number}", external="panel-1"), range(8)))
    assert len(made) == 1
    session = made.pop()
    assert session is not None
    assert take(ledger, session.token) == session == session_of(ledger, DESIGN, external="panel-1")
    assert session_of(ledger, Design("kitchen", "e" * 64), token=session.token) is None
    assert take_slot(ledger, Design("other", "f" * 64), token=session.token, external=None, name=str) is None
    assert other_sessions(ledger, Design("kitchen", "e" * 64)) == 1


def test_an_answer_is_kept_once_and_a_change_is_a_revision(ledger: Ledger) -> None:
    session = take(ledger, "t")
    assert session is not None

    def say(picked: str) -> int:
        return note_answer(ledger, session, ("choice", 0), picked=picked, cells={}).revision

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda _: say("1"), range(8))) == {1}
    assert [say("2"), say("2"), say("1")] == [2, 2, 3]
    kept = answers(ledger, "kitchen", session=session.id)
    assert [one.note.picked for one in kept] == ["1", "2", "1"]
    assert newest(kept)["choice", 0].revision == 3
    assert all(one.note.seconds >= 0 for one in kept)
    assert isinstance(kept[0], Answered)
