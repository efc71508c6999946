"""Step 4, algorithm improvement: recipes tried on the kept backbones, one finalist each."""

from marketfit.tune.step import tune

__all__ = ["tune"]
