"""Queries of the ledger. Every method commits before it returns."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

from pydantic import JsonValue
from sqlalchemy import Engine, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from marketfit.ledger.connect import check_writable, connect
from marketfit.ledger.events import Event, EventKind, new_id
from marketfit.ledger.tables import EVENTS, FACTS, OPENINGS, RESULTS, RUNS, TRIALS

_PAGE = 1000


@dataclass(frozen=True)
class TrialRow:
    """A finished trial: `record` is its JSON."""

    number: int
    status: Literal["complete", "failed"]
    record: str
    seconds: float


class Ledger:
    """The database of everything that happened."""

    def __init__(self, url: str) -> None:
        """Open a ledger and bring its tables up to date.

        Raises:
            InputError: the database can't be reached or is newer than this marketfit.
        """
        self.url = url
        self._engine: Engine = connect(url)

    @classmethod
    def beside(cls, workspace: Path, *, url: str | None = None) -> Ledger:
        """The ledger of a workspace: `url` if given, else SQLite in the folder."""
        return cls(url or f"sqlite:///{workspace / 'ledger.sqlite'}")

    def check_writable(self) -> None:
        """Before work whose results would have nowhere to go.

        Raises:
            InputError: the database may only be read.
        """
        check_writable(self._engine)

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()

    @property
    def engine(self) -> Engine:
        """The connections, for the queries of this package that have a module of their own."""
        return self._engine

    # --- runs

    def start_run(self, *, product: str, command: str, brief: str, seed: int) -> str:
        """Record that a run began; gives its id."""
        run = new_id()
        row = {"id": run, "product": product, "command": command, "brief": brief, "seed": seed, "status": "running"}
        with self._engine.begin() as connection:
            connection.execute(insert(RUNS).values(**row, started=time.time()))
        return run

    def finish_run(self, run: str, *, status: str) -> None:
        """Record how a run ended."""
        with self._engine.begin() as connection:
            connection.execute(update(RUNS).where(RUNS.c.id == run).values(finished=time.time(), status=status))

    # --- results of steps

    def result(self, key: str) -> tuple[str, float] | None:
        """The JSON and the seconds of a step's result, if it was recorded."""
        with self._engine.connect() as connection:
            row = connection.execute(select(RESULTS.c.record, RESULTS.c.seconds).where(RESULTS.c.key == key)).first()
        return (cast("str", row[0]), cast("float", row[1])) if row else None

    def put_result(self, key: str, *, step: str, version: int, run: str, record: str, seconds: float) -> None:
        """Record a step's result once; a second identical key is left as it is."""
        row = {"key": key, "step": step, "version": version, "run": run, "record": record, "seconds": seconds}
        try:
            with self._engine.begin() as connection:
                connection.execute(insert(RESULTS).values(**row, created=time.time()))
        except IntegrityError:
            if self.result(key) is None:
                raise

    # --- trials

    def trials(self, study: str) -> tuple[TrialRow, ...]:
        """The finished trials of a study, by number."""
        query = select(TRIALS).where(TRIALS.c.study == study).order_by(TRIALS.c.number)
        with self._engine.connect() as connection:
            rows = connection.execute(query).mappings().all()
        return tuple(
            TrialRow(number=row["number"], status=row["status"], record=row["record"], seconds=row["seconds"])
            for row in rows
        )

    def put_trial(self, study: str, trial: TrialRow, *, run: str) -> None:
        """Record a finished trial. A number is recorded once: a second one is an error."""
        row = {"number": trial.number, "status": trial.status, "record": trial.record, "seconds": trial.seconds}
        with self._engine.begin() as connection:
            connection.execute(insert(TRIALS).values(study=study, run=run, created=time.time(), **row))

    # --- facts

    def decide_once(self, key: str, value: JsonValue) -> JsonValue:
        """Record a value under a key, or give back the one recorded first."""
        try:
            with self._engine.begin() as connection:
                connection.execute(insert(FACTS).values(key=key, value=value, created=time.time()))
        except IntegrityError:
            recorded = self.fact(key)
            if recorded is None:
                raise
            return recorded
        return value

    def fact(self, key: str) -> JsonValue:
        """The recorded value, or None."""
        with self._engine.connect() as connection:
            return cast("JsonValue", connection.execute(select(FACTS.c.value).where(FACTS.c.key == key)).scalar())

    # --- openings of the locked test

    def open_test(self, *, product: str, test_digest: str, bundle_digest: str, run: str) -> int:
        """Record that a bundle opens the test split; gives the number k of the opening.

        The same bundle on the same split is the same opening, so a resumed run pays once. Numbers count all openings
        of a product: a new split does not make earlier looks undone.
        """
        same = (
            (OPENINGS.c.product == product)
            & (OPENINGS.c.test_digest == test_digest)
            & (OPENINGS.c.bundle_digest == bundle_digest)
        )
        while True:
            with self._engine.connect() as connection:
                known = connection.execute(select(OPENINGS.c.number).where(same)).scalar()
                if known is not None:
                    return int(known)
                last = connection.execute(
                    select(func.max(OPENINGS.c.number)).where(OPENINGS.c.product == product)
                ).scalar()
            row = {"test_digest": test_digest, "bundle_digest": bundle_digest, "run": run, "created": time.time()}
            try:
                with self._engine.begin() as connection:
                    connection.execute(insert(OPENINGS).values(product=product, number=(last or 0) + 1, **row))
            except IntegrityError:
                continue  # another process took this number: look again
            return int(last or 0) + 1

    def openings(self, product: str) -> int:
        """How many times the test split of a product was opened."""
        query = select(func.count()).select_from(OPENINGS).where(OPENINGS.c.product == product)
        with self._engine.connect() as connection:
            return connection.execute(query).scalar_one()

    # --- events

    def append(self, events: Sequence[Event]) -> int:
        """Write events in one transaction and give how many were new: one whose id is known is left as it is."""
        if not events:
            return 0
        ids = [event.id for event in events]
        while True:
            known: set[str] = set()
            try:
                with self._engine.begin() as connection:
                    for start in range(0, len(ids), _PAGE):
                        query = select(EVENTS.c.id).where(EVENTS.c.id.in_(ids[start : start + _PAGE]))
                        known.update(connection.execute(query).scalars())
                    fresh = {event.id: event for event in events if event.id not in known}
                    if fresh:
                        connection.execute(insert(EVENTS), [_row(event) for event in fresh.values()])
                return len(fresh)
            except IntegrityError:
                if not self.events_by_id(ids).keys() - known:
                    raise  # not another writer that was first with one of these ids

    def events(
        self, product: str, *, kinds: Sequence[EventKind] = (), after: int = 0, subject: str | None = None
    ) -> Iterator[Event]:
        """Events of a product in the order they were written, read in pages."""
        while True:
            query = select(EVENTS).where(EVENTS.c.product == product, EVENTS.c.sequence > after)
            if kinds:
                query = query.where(EVENTS.c.kind.in_(kinds))
            if subject is not None:
                query = query.where(EVENTS.c.subject == subject)
            with self._engine.connect() as connection:
                rows = connection.execute(query.order_by(EVENTS.c.sequence).limit(_PAGE)).mappings().all()
            for row in rows:
                yield Event(**dict(row))
            if len(rows) < _PAGE:
                return
            after = rows[-1]["sequence"]

    def newest(self, product: str, *, kinds: Sequence[EventKind]) -> int:
        """The sequence number of the newest event of some kinds, 0 if there is none."""
        query = select(func.max(EVENTS.c.sequence)).where(EVENTS.c.product == product, EVENTS.c.kind.in_(kinds))
        with self._engine.connect() as connection:
            return int(connection.execute(query).scalar() or 0)

    def products(self, *, kind: EventKind) -> tuple[str, ...]:
        """The products that have events of a kind, sorted."""
        query = select(EVENTS.c.product).where(EVENTS.c.kind == kind).distinct().order_by(EVENTS.c.product)
        with self._engine.connect() as connection:
            return tuple(connection.execute(query).scalars())

    def event(self, identifier: str) -> Event | None:
        """One event by its id."""
        with self._engine.connect() as connection:
            row = connection.execute(select(EVENTS).where(EVENTS.c.id == identifier)).mappings().first()
        return Event(**dict(row)) if row else None

    def events_by_id(self, identifiers: Sequence[str]) -> dict[str, Event]:
        """Those of some events that there are, by id."""
        found: dict[str, Event] = {}
        wanted = list(dict.fromkeys(identifiers))
        with self._engine.connect() as connection:
            for start in range(0, len(wanted), _PAGE):
                query = select(EVENTS).where(EVENTS.c.id.in_(wanted[start : start + _PAGE]))
                found |= {row["id"]: Event(**dict(row)) for row in connection.execute(query).mappings()}
        return found

    def unreviewed(self, product: str, *, after: int = 0, limit: int) -> tuple[Event, ...]:
        """Audited predictions that nobody has said the truth of yet, oldest first."""
        truth = EVENTS.alias()
        query = select(EVENTS).where(
            EVENTS.c.product == product,
            EVENTS.c.kind == "prediction",
            EVENTS.c.sequence > after,
            EVENTS.c.payload["audited"].as_boolean(),
            EVENTS.c.payload["input"].as_string().is_not(None),  # null once it is erased
            ~select(truth.c.id).where(truth.c.subject == EVENTS.c.id, truth.c.kind == "truth").exists(),
        )
        with self._engine.connect() as connection:
            rows = connection.execute(query.order_by(EVENTS.c.sequence).limit(limit)).mappings().all()
        return tuple(Event(**dict(row)) for row in rows)

    def erase(self, product: str, identifier: str) -> int:
        """Blank what a person wrote in an event and in all that is about it; gives the number of events blanked.

        What was counted (labels, scores, thumbs) stays. The `input` of the payload becomes null, and an erasure event
        says so; 0 means that there is no such event.
        """
        about = (EVENTS.c.product == product) & ((EVENTS.c.id == identifier) | (EVENTS.c.subject == identifier))
        with self._engine.begin() as connection:
            if connection.dialect.name == "sqlite":
                connection.exec_driver_sql("PRAGMA secure_delete=ON")  # overwrite the old bytes, not only unlink them
            rows = connection.execute(select(EVENTS.c.sequence, EVENTS.c.kind, EVENTS.c.payload).where(about)).all()
            touched = [row for row in rows if row.kind in ("prediction", "feedback", "truth")]
            for row in touched:
                payload = {**row.payload, "input": None} if "input" in row.payload else row.payload
                connection.execute(update(EVENTS).where(EVENTS.c.sequence == row.sequence).values(payload=payload))
            if touched and not any(row.kind == "erasure" for row in rows):
                event = Event(product=product, kind="erasure", subject=identifier, payload={"events": len(touched)})
                connection.execute(insert(EVENTS).values(**_row(event)))
        if touched and self._engine.dialect.name == "sqlite":
            with self._engine.connect() as connection:
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").all()  # the log held the old pages
        return len(touched)

    def last_decision(self, product: str) -> Event | None:
        """The newest decision of a product: which bundle is champion and why."""
        query = select(EVENTS).where(EVENTS.c.product == product, EVENTS.c.kind == "decision")
        with self._engine.connect() as connection:
            row = connection.execute(query.order_by(EVENTS.c.sequence.desc()).limit(1)).mappings().first()
        return Event(**dict(row)) if row else None


def _row(event: Event) -> dict[str, object]:
    return {
        "id": event.id,
        "product": event.product,
        "kind": event.kind,
        "subject": event.subject,
        "bundle": event.bundle,
        "created": event.created,
        "payload": dict(event.payload),
    }
