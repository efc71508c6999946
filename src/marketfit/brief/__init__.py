"""The brief: the user's YAML file (`schema`), loaded with all errors at once, each with its line (`read`)."""

from marketfit.brief.read import load_brief
from marketfit.brief.schema import (
    AbstainSpec,
    AttributeSpec,
    Brief,
    BudgetSpec,
    DataSpec,
    MarketSpec,
    ObjectiveSpec,
    TargetSpec,
    TrackingSpec,
    describe,
)

__all__ = [
    "AbstainSpec",
    "AttributeSpec",
    "Brief",
    "BudgetSpec",
    "DataSpec",
    "MarketSpec",
    "ObjectiveSpec",
    "TargetSpec",
    "TrackingSpec",
    "describe",
    "load_brief",
]
