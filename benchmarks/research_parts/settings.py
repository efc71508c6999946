"""What a run may be told. The defaults are the conditions of the bars."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path


@dataclass(frozen=True)
class Settings:
    """data: folder of the public choice data. A bar is judged only where what it depends on is as it is here."""

    data: Path = Path(__file__).resolve().parents[3] / "shared" / "data"
    rounds: int = 60
    """Turns of a quick contender: multinomial logits but statsmodels'."""
    repeats: int = 5
    """Turns of a slow contender, seeds of hierarchical Bayes."""
    draws: int = 600
    """Of the mixed logit."""
    iterations: int = 6000
    """Of each chain of hierarchical Bayes."""
    large: int = 0
    """Rows of the table whose logit's memory is measured, too; 0: none."""
    wide: bool = False
    """Print what lies behind the rows as well."""

    def departures(self, names: Sequence[str]) -> str:
        """How the named settings differ from those of the bars; empty where they do not.

        >>> Settings(draws=50).departures(["draws", "iterations"])
        'draws is 50, the bar is for 600'
        """
        told = [
            f"{field.name} is {getattr(self, field.name)}, the bar is for {field.default}"
            for field in fields(self)
            if field.name in names and getattr(self, field.name) != field.default
        ]
        return "; ".join(told)
