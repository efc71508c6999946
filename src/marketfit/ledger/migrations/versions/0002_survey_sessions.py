"""Respondents of surveys."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table of sessions."""
    op.create_table(
        "survey_sessions",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("survey", sa.String(200), nullable=False),
        sa.Column("design", sa.String(64), nullable=False),
        sa.Column("slot", sa.Integer, nullable=False),
        sa.Column("respondent", sa.String(200), nullable=False),
        sa.Column("external", sa.String(200)),
        sa.Column("token", sa.String(64), nullable=False),
        sa.Column("started", sa.Float, nullable=False),
        sa.UniqueConstraint("design", "slot", name="a_slot_is_given_once"),
        sa.UniqueConstraint("design", "external", name="an_external_id_has_one_session"),
        sa.UniqueConstraint("token", name="a_token_is_given_once"),
    )
    op.create_index("survey_sessions_by_survey", "survey_sessions", ["survey"])


def downgrade() -> None:
    """Answers would lose their respondents."""
    raise NotImplementedError("answers would lose their respondents")
