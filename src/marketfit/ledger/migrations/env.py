"""Run by Alembic: migrate on the connection that `connect` hands over."""

from alembic import context

from marketfit.ledger.tables import METADATA

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=METADATA)
with context.begin_transaction():
    context.run_migrations()
