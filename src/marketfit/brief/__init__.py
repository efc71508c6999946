"""The brief: the user's YAML file (`schema`), loaded with all errors at once, each with its line (`read`)."""

from marketfit.brief.read import load_brief
from marketfit.brief.schema import (
    AbstainSpec,
    AttributeSpec,
    Brief,
    BudgetSpec,
    CompressSpec,
    DataSpec,
    MarketSpec,
    ObjectiveSpec,
    SurveyFile,
    TargetSpec,
    TrackingSpec,
    WideSpec,
    describe,
)

__all__ = [
    "AbstainSpec",
    "AttributeSpec",
    "Brief",
    "BudgetSpec",
    "CompressSpec",
    "DataSpec",
    "MarketSpec",
    "ObjectiveSpec",
    "SurveyFile",
    "TargetSpec",
    "TrackingSpec",
    "WideSpec",
    "describe",
    "load_brief",
]
