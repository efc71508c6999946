"""Step 5, model optimisation: every finalist exported, compressed, reloaded and measured."""

from marketfit.compress.step import compress

__all__ = ["compress"]
