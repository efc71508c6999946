"""Open a ledger's database, safely set, with its tables brought up to date by Alembic."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, OperationalError, SQLAlchemyError

from marketfit.errors import InputError, MissingExtraError, Problem

_MIGRATIONS = Path(__file__).parent / "migrations"


def connect(url: str) -> Engine:
    """An engine on an up-to-date database.

    Raises:
        InputError: a URL that can't be read, a database that can't be reached or is newer than this marketfit.
        MissingExtraError: a PostgreSQL URL without psycopg.
    """
    if url.startswith("postgresql://"):
        url = url.replace("postgresql://", "postgresql+psycopg://", 1)
    try:
        engine = create_engine(url, pool_pre_ping=True)
        if engine.dialect.name == "sqlite":
            event.listen(engine, "connect", _make_durable)
        _upgrade(engine, url)
    except ModuleNotFoundError as missing:
        raise MissingExtraError("postgres", missing.name or "psycopg") from missing
    except (ArgumentError, NoSuchModuleError) as error:
        raise InputError([_problem(url, str(error), "sqlite:///FILE or postgresql://USER@HOST/NAME")]) from error
    except OperationalError as error:
        if url.startswith("sqlite") and any(words in str(error.orig) for words in _NO_PERMISSION):
            raise InputError([_unwritable(url, str(error.orig))]) from error
        raise InputError([_foreign(url, error.orig)]) from error
    except SQLAlchemyError as error:
        raise InputError([_foreign(url, getattr(error, "orig", None) or error)]) from error
    return engine


def check_writable(engine: Engine) -> None:
    """Whether what is told to the ledger can be written down.

    Raises:
        InputError: it is a SQLite file that may only be read.
    """
    file = engine.url.database if engine.dialect.name == "sqlite" else None
    if file and Path(file).is_file() and not os.access(file, os.W_OK):
        raise InputError([_unwritable(f"sqlite:///{file}", "it may only be read")])


_NO_PERMISSION = ("unable to open", "readonly")  # SQLite's words


def _unwritable(url: str, found: str) -> Problem:
    do = "correct their permissions, or name others with --workspace or --ledger"
    return Problem(f"ledger {url}", found, "a file and its folder that you may write to", do)


def _problem(url: str, found: str, allowed: str) -> Problem:
    shown = url.rsplit("@", maxsplit=1)[-1]  # never show a password
    return Problem(f"ledger {shown}", found, allowed, "check the URL and that the database is running")


def _make_durable(connection: sqlite3.Connection, _record: object) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA busy_timeout=30000")
    cursor.close()


def _foreign(url: str, error: object) -> Problem:
    return _problem(url, str(error).strip().splitlines()[0], "a database that this version of marketfit made")


def _upgrade(engine: Engine, url: str) -> None:
    # Alembic is imported here: commands that open no ledger should not wait for it.
    from alembic import command
    from alembic.config import Config
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    newest = ScriptDirectory.from_config(config).get_current_head()
    try:
        with engine.connect() as connection:
            if MigrationContext.configure(connection).get_current_revision() == newest:
                return
        with engine.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except CommandError as error:
        raise InputError([_foreign(url, error)]) from error
