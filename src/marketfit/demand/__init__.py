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
from marketfit.demand.coding.options import CodingOption, Levels, Piecewise
from marketfit.demand.intervals import Estimate
from marketfit.demand.market.calibration import calibrate
from marketfit.demand.market.candidates import OfferSpace, Profit, UnitCost
from marketfit.demand.market.competition import Equilibrium, equilibrium
from marketfit.demand.market.competitive_value import CompetitiveValue, competitive_value
from marketfit.demand.market.elasticity import Elasticities, elasticities
from marketfit.demand.market.line_search import Line, LineSearch, search_line
from marketfit.demand.market.price_curve import PriceCurve, price_curve
from marketfit.demand.market.price_game import PriceGame
from marketfit.demand.market.randomised_fit import RandomisedFit, fit_randomised
from marketfit.demand.market.reaction import PriceReaction, price_after_reaction
from marketfit.demand.market.rules import RandomisedFirstChoice, Rule
from marketfit.demand.market.scene import Adjustments, Market, MarketSource
from marketfit.demand.market.simulate import Shares, simulate
from marketfit.demand.market.what_if import Change, VolumeSource, WhatIf, what_if
from marketfit.demand.market.willingness_to_pay import MoneyValue, WillingnessToPay, willingness_to_pay
from marketfit.demand.models.covariance import Errors
from marketfit.demand.models.mnl import MNLResult, fit_mnl
from marketfit.demand.models.storage import model_from_json, model_to_json
from marketfit.demand.models.utilities import (
    ChoiceModel,
    UtilityDraws,
    UtilityModel,
    UtilitySource,
    draw_utilities,
)

__all__ = [
    "Adjustments",
    "Attribute",
    "Change",
    "ChoiceData",
    "ChoiceModel",
    "Coding",
    "CodingOption",
    "CompetitiveValue",
    "Design",
    "Elasticities",
    "Equilibrium",
    "Errors",
    "Estimate",
    "Levels",
    "Line",
    "LineSearch",
    "MNLResult",
    "Market",
    "MarketSource",
    "MoneyValue",
    "Offer",
    "OfferSpace",
    "Piecewise",
    "PriceCurve",
    "PriceGame",
    "PriceReaction",
    "Profit",
    "RandomisedFirstChoice",
    "RandomisedFit",
    "Rule",
    "Shares",
    "UnitCost",
    "UtilityDraws",
    "UtilityModel",
    "UtilitySource",
    "VolumeSource",
    "WhatIf",
    "WillingnessToPay",
    "calibrate",
    "competitive_value",
    "draw_utilities",
    "elasticities",
    "equilibrium",
    "fit_mnl",
    "fit_randomised",
    "model_from_json",
    "model_to_json",
    "price_after_reaction",
    "price_curve",
    "search_line",
    "simulate",
    "what_if",
    "willingness_to_pay",
]
