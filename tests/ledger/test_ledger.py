"""The ledger on real databases: what is acknowledged is there, and there once."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine
from sqlalchemy.exc import IntegrityError

from marketfit.errors import InputError
from marketfit.ledger import Event, Ledger, TrialRow
from marketfit.ledger.tables import METADATA


def event(number: int) -> Event:
    return Event(product="p", kind="prediction", payload={"number": number}, id=f"event-{number}")


def test_migrations_make_the_tables_of_the_code(ledger: Ledger) -> None:
    url = ledger.url.replace("postgresql://", "postgresql+psycopg://")
    with create_engine(url).connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []


def test_results_are_recorded_once(ledger: Ledger) -> None:
    assert ledger.result("k") is None
    for record in ("first", "second"):
        ledger.put_result("k", step="s", version=1, run="r", record=record, seconds=1.5)
    assert ledger.result("k") == ("first", 1.5)


def test_a_trial_number_is_recorded_once(ledger: Ledger) -> None:
    trial = TrialRow(number=0, status="complete", record="{}", seconds=1.0)
    ledger.put_trial("study", trial, run="r")
    with pytest.raises(IntegrityError):
        ledger.put_trial("study", trial, run="r")
    ledger.put_trial("study", TrialRow(number=1, status="failed", record="{}", seconds=0.5), run="r")
    assert [row.number for row in ledger.trials("study")] == [0, 1]
    assert ledger.trials("other") == ()


def test_what_is_decided_once_stays(ledger: Ledger) -> None:
    assert ledger.decide_once("k", {"steps": 10}) == {"steps": 10}
    assert ledger.decide_once("k", {"steps": 99}) == {"steps": 10}
    assert ledger.fact("none") is None


def test_the_same_bundle_opens_the_test_once(ledger: Ledger) -> None:
    def opening(test: str, bundle: str) -> int:
        return ledger.open_test(product="p", test_digest=test, bundle_digest=bundle, run="r")

    assert [opening("t", "a"), opening("t", "a"), opening("t", "b"), opening("t2", "a")] == [1, 1, 2, 3]
    assert ledger.openings("p") == 3
    assert ledger.openings("q") == 0


def test_events_are_kept_in_order_and_once(ledger: Ledger) -> None:
    assert ledger.append([event(1), event(2), event(2)]) == 2
    assert ledger.append([event(2), event(3)]) == 1
    assert ledger.append([]) == 0
    assert [e.payload["number"] for e in ledger.events("p")] == [1, 2, 3]
    assert [e.id for e in ledger.events("p", after=2)] == ["event-3"]
    assert list(ledger.events("p", kinds=["feedback"])) == []
    assert ledger.newest("p", kinds=["prediction"]) == 3
    found = ledger.event("event-2")
    assert found is not None
    assert found.payload == {"number": 2}


def test_events_are_read_in_pages(ledger: Ledger) -> None:
    ledger.append([event(n) for n in range(2500)])
    assert sum(1 for _ in ledger.events("p")) == 2500


def test_writers_side_by_side_lose_nothing(ledger: Ledger) -> None:
    def write(start: int) -> None:
        for number in range(start, start + 20):
            ledger.append([event(number)])

    threads = [threading.Thread(target=write, args=(n * 20,)) for n in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(list(ledger.events("p"))) == 100


def test_an_acknowledged_event_survives_a_kill(url: str) -> None:
    program = (
        "import os, signal, sys; from marketfit.ledger import Event, Ledger\n"
        "ledger = Ledger(sys.argv[1]); ledger.append([Event(product='p', kind='truth', payload={}, id='kept')])\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    Ledger(url).close()
    child = subprocess.run([sys.executable, "-c", program, url], check=False, timeout=60)
    assert child.returncode == -9
    again = Ledger(url)
    assert again.event("kept") is not None
    again.close()


@pytest.mark.parametrize("url", ["nonsense", "oracle://x/y", "sqlite:////proc/none/ledger.sqlite", "sqlite:///FILE"])
def test_a_ledger_that_cannot_be_opened(url: str, tmp_path: Path) -> None:
    broken = tmp_path / "broken.sqlite"
    broken.write_bytes(b"this is no database" * 100)
    with pytest.raises(InputError, match="→"):
        Ledger(url.replace("FILE", str(broken)))


def test_a_ledger_that_may_only_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = Ledger.beside(tmp_path)
    ledger.check_writable()
    with monkeypatch.context() as patch:
        patch.setattr(os, "access", lambda _path, _mode: False)
        with pytest.raises(InputError, match=r"ledger.sqlite: it may only be read.*--workspace or --ledger"):
            ledger.check_writable()
    ledger.close()
    with pytest.raises(InputError, match=r"unable to open database file.*--workspace or --ledger"):
        Ledger.beside(tmp_path / "nowhere")
