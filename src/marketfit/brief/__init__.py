"""The brief: the user's YAML file, loaded with all errors at once, each with its line (`read`).

`schema` is the whole; `data`, `market` (with `survey_file`), `training` and `target` are its sections.
"""

from marketfit.brief.data import DataSpec
from marketfit.brief.market import AttributeSpec, MarketSpec
from marketfit.brief.read import load_brief, load_market
from marketfit.brief.schema import Brief, MarketBrief, describe
from marketfit.brief.survey_file import SurveyFile, WideSpec
from marketfit.brief.target import AbstainSpec, CompressSpec, TargetSpec
from marketfit.brief.training import BudgetSpec, ObjectiveSpec, TrackingSpec

__all__ = [
    "AbstainSpec",
    "AttributeSpec",
    "Brief",
    "BudgetSpec",
    "CompressSpec",
    "DataSpec",
    "MarketBrief",
    "MarketSpec",
    "ObjectiveSpec",
    "SurveyFile",
    "TargetSpec",
    "TrackingSpec",
    "WideSpec",
    "describe",
    "load_brief",
    "load_market",
]
