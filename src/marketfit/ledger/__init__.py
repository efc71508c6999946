"""The ledger: the database of runs, step results, trials, openings of the test split, and events.

SQLite (write-ahead log, full synchronisation) by default, PostgreSQL by URL. A result counts once its row is
committed.
"""

from marketfit.ledger.events import Event, EventKind
from marketfit.ledger.store import Ledger, TrialRow

__all__ = ["Event", "EventKind", "Ledger", "TrialRow"]
