"""Market positioning: which variant, at which price, wins the market among those that keep every promise."""

from marketfit.position.rows_plan import RowsNeeded, rows_plan
from marketfit.position.settle import settle
from marketfit.position.step import position

__all__ = ["RowsNeeded", "position", "rows_plan", "settle"]
