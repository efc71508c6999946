"""Step 2, model selection: which backbones can meet the contract and are worth training."""

from marketfit.shortlist.step import shortlist

__all__ = ["shortlist"]
