"""marketfit: product–market fit, with `fit()`.

>>> import marketfit
>>> sorted(marketfit.__all__) == marketfit.__all__
True
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from marketfit.brief import Brief, load_brief
    from marketfit.bundle import Bundle, Prediction, load
    from marketfit.contract import Contract, Measurement, Requirement, Verdict
    from marketfit.errors import InputError, MarketfitError, Problem
    from marketfit.loop import Compressed, LabelledFile, Outcome, compress_model, fit, improve

__all__ = [
    "Brief",
    "Bundle",
    "Compressed",
    "Contract",
    "InputError",
    "LabelledFile",
    "MarketfitError",
    "Measurement",
    "Outcome",
    "Prediction",
    "Problem",
    "Requirement",
    "Verdict",
    "compress_model",
    "fit",
    "improve",
    "load",
    "load_brief",
]

_HOME = {
    "Brief": "brief",
    "Bundle": "bundle",
    "Compressed": "loop",
    "Contract": "contract",
    "InputError": "errors",
    "LabelledFile": "loop",
    "MarketfitError": "errors",
    "Measurement": "contract",
    "Outcome": "loop",
    "Prediction": "bundle",
    "Problem": "errors",
    "Requirement": "contract",
    "Verdict": "contract",
    "compress_model": "loop",
    "fit": "loop",
    "improve": "loop",
    "load": "bundle",
    "load_brief": "brief",
}


def __getattr__(name: str) -> object:
    """Import a public name when it is first used, so that `import marketfit` stays instant."""
    if name not in _HOME:
        raise AttributeError(f"module 'marketfit' has no attribute '{name}'")
    return getattr(importlib.import_module(f"marketfit.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return __all__
