"""The tables of the ledger. Migrations in `migrations/` create them; a test holds the two against each other."""

from __future__ import annotations

from sqlalchemy import JSON, Column, Float, Index, Integer, MetaData, String, Table, Text, UniqueConstraint

METADATA = MetaData()

RUNS = Table(
    "runs",
    METADATA,
    Column("id", String(32), primary_key=True),
    Column("product", String(200), nullable=False),
    Column("command", String(40), nullable=False),
    Column("brief", String(64), nullable=False),  # digest
    Column("seed", Integer, nullable=False),
    Column("started", Float, nullable=False),  # seconds since the epoch
    Column("finished", Float),
    Column("status", String(40), nullable=False),
)

RESULTS = Table(
    "results",
    METADATA,
    Column("key", String(64), primary_key=True),
    Column("step", String(40), nullable=False),
    Column("version", Integer, nullable=False),
    Column("run", String(32), nullable=False),
    Column("record", Text, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("created", Float, nullable=False),
)

TRIALS = Table(
    "trials",
    METADATA,
    Column("study", String(64), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("run", String(32), nullable=False),
    Column("status", String(20), nullable=False),  # complete or failed: a row exists once the trial has ended
    Column("record", Text, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("created", Float, nullable=False),
)

FACTS = Table(  # decided once and kept: budgets turned into steps, digests of test splits
    "facts",
    METADATA,
    Column("key", String(200), primary_key=True),
    Column("value", JSON, nullable=False),
    Column("created", Float, nullable=False),
)

OPENINGS = Table(
    "openings",
    METADATA,
    Column("product", String(200), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("test_digest", String(64), nullable=False),
    Column("bundle_digest", String(64), nullable=False),
    Column("run", String(32), nullable=False),
    Column("created", Float, nullable=False),
    UniqueConstraint("product", "test_digest", "bundle_digest", name="one_opening_per_bundle"),
)

EVENTS = Table(
    "events",
    METADATA,
    Column("sequence", Integer, primary_key=True, autoincrement=True),
    Column("id", String(64), nullable=False, unique=True),
    Column("product", String(200), nullable=False),
    Column("kind", String(40), nullable=False),
    Column("subject", String(64), nullable=False, default=""),  # the prediction or the session that it is about
    Column("bundle", String(64), nullable=False, default=""),
    Column("created", Float, nullable=False),
    Column("payload", JSON, nullable=False),
    Index("events_by_product", "product", "kind", "sequence"),
    Index("events_by_subject", "subject"),
)

SESSIONS = Table(  # one respondent of one design of a survey
    "survey_sessions",
    METADATA,
    Column("id", String(32), primary_key=True),
    Column("survey", String(200), nullable=False),
    Column("design", String(64), nullable=False),  # digest of the survey
    Column("slot", Integer, nullable=False),  # from 1
    Column("respondent", String(200), nullable=False),
    Column("external", String(200)),  # as a panel provider calls the respondent
    Column("token", String(64), nullable=False),  # of the personal link
    Column("started", Float, nullable=False),
    UniqueConstraint("design", "slot", name="a_slot_is_given_once"),
    UniqueConstraint("design", "external", name="an_external_id_has_one_session"),
    UniqueConstraint("token", name="a_token_is_given_once"),
    Index("survey_sessions_by_survey", "survey"),
)
