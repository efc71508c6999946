"""The public choice data that the parts fit, from the shared data folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from marketfit.demand import ChoiceData

ELECTRICITY, YOGURT = "choice_electricity.parquet", "choice_yogurt.parquet"
SUPPLIER = ("pf", "cl", "loc", "wk", "tod", "seas")
"""Attributes of an electricity supplier."""
PURCHASE = ("price", "feat", "brand")
"""Attributes of a yogurt."""


def read(table: pa.Table, attributes: Sequence[str]) -> ChoiceData:
    """A table of the folder as choice data."""
    return ChoiceData.from_table(
        table, respondent="person_id", task="obs_id", alternative="alt", chosen="chosen", attributes=attributes
    )


def electricity(folder: Path) -> ChoiceData:
    """4,308 choices of 361 people among 4 suppliers."""
    return read(pq.read_table(folder / ELECTRICITY), SUPPLIER)


def missing(folder: Path, name: str) -> str:
    """What to say where a table is not there; empty where it is."""
    path = folder / name
    return "" if path.is_file() else f"{path} is missing; the public choice data are not part of the project (--data)"
