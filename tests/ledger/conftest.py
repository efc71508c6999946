"""Every ledger test runs on SQLite and, where its programs are installed, on a real PostgreSQL."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from marketfit.ledger import Ledger


def _programs() -> Path | None:
    found = shutil.which("initdb")
    if found:
        return Path(found).parent
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return versions[-1].parent if versions else None


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of a PostgreSQL server on a socket of its own, stopped afterwards."""
    programs = _programs()
    if programs is None:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    with tempfile.TemporaryDirectory(prefix="pg") as folder:
        root = os.geteuid() == 0
        if root:
            shutil.chown(folder, "postgres", "postgres")
        as_server = ["runuser", "-u", "postgres", "--"] if root else []

        def call(*command: str) -> None:
            subprocess.run([*as_server, *command], check=True, stdout=subprocess.DEVNULL, cwd=folder, timeout=60)

        call(str(programs / "initdb"), "-D", f"{folder}/data", "-A", "trust", "-U", "postgres")
        options = f"-c listen_addresses='' -k {folder}"
        call(str(programs / "pg_ctl"), "-D", f"{folder}/data", "-o", options, "-l", f"{folder}/log", "-w", "start")
        try:
            yield f"postgresql://postgres@/postgres?host={folder}"
        finally:
            call(str(programs / "pg_ctl"), "-D", f"{folder}/data", "-m", "immediate", "stop")


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database with nothing in it."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    import psycopg

    server: str = request.getfixturevalue("postgres")
    name = f"t{abs(hash(str(tmp_path))):x}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"'.encode())
    return server.replace("/postgres?", f"/{name}?")


@pytest.fixture
def ledger(url: str) -> Iterator[Ledger]:
    """An empty ledger."""
    opened = Ledger(url)
    yield opened
    opened.close()
