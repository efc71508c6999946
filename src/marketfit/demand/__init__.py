"""Demand: what people choose when they must trade attributes off. A numpy and scipy library, of use alone.

>>> from marketfit.demand import ChoiceData, fit_mnl, simulate
>>> data = ChoiceData.from_table(
...     {"q": [1, 1, 2, 2, 3, 3, 4, 4], "alt": ["a", "b"] * 4, "won": [1, 0, 1, 0, 1, 0, 0, 1],
...      "price": [1.0, 2.0] * 4}, task="q", alternative="alt", chosen="won", attributes=["price"])
>>> model = fit_mnl(data)
>>> shares = simulate(model, {"ours": {"price": 1.5}, "theirs": {"price": 1.5}})
>>> shares.mean
{'ours': 0.5, 'theirs': 0.5}
"""

from marketfit.demand.choices.attribute import Attribute
from marketfit.demand.choices.data import ChoiceData
from marketfit.demand.coding.coding import Coding, Design, Offer
from marketfit.demand.coding.options import ByAlternative, CodingOption, Levels, Piecewise
from marketfit.demand.designs.adaptive import RespondentState, begin_respondent, next_task
from marketfit.demand.designs.balanced import Overlap, balanced_design
from marketfit.demand.designs.coded import simulate_answers, space_coding
from marketfit.demand.designs.design import ChoiceDesign
from marketfit.demand.designs.diagnostics import DesignReport, diagnose
from marketfit.demand.designs.efficiency import d_error
from marketfit.demand.designs.efficient import efficient_design
from marketfit.demand.designs.power import (
    Needed,
    SampleSize,
    ShareSampleSize,
    rule_of_thumb,
    sample_size,
    share_sample_size,
)
from marketfit.demand.designs.prior import Prior, normal_prior, prior_from, vague_prior
from marketfit.demand.designs.space import DesignSpace, Prohibition
from marketfit.demand.designs.table import read_design, write_design
from marketfit.demand.intervals import Estimate
from marketfit.demand.market.calibration import calibrate
from marketfit.demand.market.candidates import LineCandidates, OfferSpace, Profit, UnitCost
from marketfit.demand.market.competition import Equilibrium, equilibrium
from marketfit.demand.market.competitive_value import CompetitiveValue, competitive_value
from marketfit.demand.market.elasticity import Elasticities, elasticities
from marketfit.demand.market.importance import Importance, importance
from marketfit.demand.market.line_search import Line, LineSearch, search_line
from marketfit.demand.market.offers import Offers
from marketfit.demand.market.price_curve import PriceCurve, ProfitCurve, price_curve
from marketfit.demand.market.price_game import PriceGame
from marketfit.demand.market.randomised_fit import RandomisedFit, fit_randomised
from marketfit.demand.market.reaction import PriceReaction, price_after_reaction
from marketfit.demand.market.rules import RandomisedFirstChoice, Rule
from marketfit.demand.market.scene import Adjustments, Market, MarketSource
from marketfit.demand.market.simulate import Shares, simulate
from marketfit.demand.market.what_if import Change, VolumeSource, WhatIf, what_if
from marketfit.demand.market.willingness_to_pay import MoneyValue, WillingnessToPay, willingness_to_pay
from marketfit.demand.models.arguments import Specification
from marketfit.demand.models.class_count import ClassesTried
from marketfit.demand.models.covariance import Errors
from marketfit.demand.models.cross_validation import CrossValidation, cross_validate, cross_validate_scaled
from marketfit.demand.models.hierarchical.fit import fit_hb
from marketfit.demand.models.hierarchical.result import HBResult
from marketfit.demand.models.holdout import HeldOutMeasure, TaskSplit, fold_tasks, hit_rate, log_loss, split_tasks
from marketfit.demand.models.latent_class import fit_latent_class
from marketfit.demand.models.latent_class_result import LatentClassResult
from marketfit.demand.models.mixed.fit import fit_mixed
from marketfit.demand.models.mixed.result import MixedResult
from marketfit.demand.models.mixed.tastes import Distribution
from marketfit.demand.models.mnl import MNLResult, fit_mnl
from marketfit.demand.models.people import for_people
from marketfit.demand.models.scale import ScaledPredictor, TunedScale, best_scale, tune_scale
from marketfit.demand.models.storage import model_from_json, model_to_json
from marketfit.demand.models.utilities import (
    ChoiceModel,
    UtilityDraws,
    UtilityModel,
    UtilitySource,
    draw_utilities,
)
from marketfit.demand.respondents.quality import RespondentQuality, Verdict, check_respondents
from marketfit.demand.respondents.raking import Raking, rake
from marketfit.demand.segments.agreement import adjusted_rand
from marketfit.demand.segments.cluster import cluster_segments
from marketfit.demand.segments.cluster_count import ClustersTried
from marketfit.demand.segments.latent import latent_segments
from marketfit.demand.segments.profile import Profile, profile_segments
from marketfit.demand.segments.segment import Segment, Segments

__all__ = [
    "Adjustments",
    "Attribute",
    "ByAlternative",
    "Change",
    "ChoiceData",
    "ChoiceDesign",
    "ChoiceModel",
    "ClassesTried",
    "ClustersTried",
    "Coding",
    "CodingOption",
    "CompetitiveValue",
    "CrossValidation",
    "Design",
    "DesignReport",
    "DesignSpace",
    "Distribution",
    "Elasticities",
    "Equilibrium",
    "Errors",
    "Estimate",
    "HBResult",
    "HeldOutMeasure",
    "Importance",
    "LatentClassResult",
    "Levels",
    "Line",
    "LineCandidates",
    "LineSearch",
    "MNLResult",
    "Market",
    "MarketSource",
    "MixedResult",
    "MoneyValue",
    "Needed",
    "Offer",
    "OfferSpace",
    "Offers",
    "Overlap",
    "Piecewise",
    "PriceCurve",
    "PriceGame",
    "PriceReaction",
    "Prior",
    "Profile",
    "Profit",
    "ProfitCurve",
    "Prohibition",
    "Raking",
    "RandomisedFirstChoice",
    "RandomisedFit",
    "RespondentQuality",
    "RespondentState",
    "Rule",
    "SampleSize",
    "ScaledPredictor",
    "Segment",
    "Segments",
    "ShareSampleSize",
    "Shares",
    "Specification",
    "TaskSplit",
    "TunedScale",
    "UnitCost",
    "UtilityDraws",
    "UtilityModel",
    "UtilitySource",
    "Verdict",
    "VolumeSource",
    "WhatIf",
    "WillingnessToPay",
    "adjusted_rand",
    "balanced_design",
    "begin_respondent",
    "best_scale",
    "calibrate",
    "check_respondents",
    "cluster_segments",
    "competitive_value",
    "cross_validate",
    "cross_validate_scaled",
    "d_error",
    "diagnose",
    "draw_utilities",
    "efficient_design",
    "elasticities",
    "equilibrium",
    "fit_hb",
    "fit_latent_class",
    "fit_mixed",
    "fit_mnl",
    "fit_randomised",
    "fold_tasks",
    "for_people",
    "hit_rate",
    "importance",
    "latent_segments",
    "log_loss",
    "model_from_json",
    "model_to_json",
    "next_task",
    "normal_prior",
    "price_after_reaction",
    "price_curve",
    "prior_from",
    "profile_segments",
    "rake",
    "read_design",
    "rule_of_thumb",
    "sample_size",
    "search_line",
    "share_sample_size",
    "simulate",
    "simulate_answers",
    "space_coding",
    "split_tasks",
    "tune_scale",
    "vague_prior",
    "what_if",
    "willingness_to_pay",
    "write_design",
]
