"""Step 5, model optimisation: every finalist exported, compressed, reloaded and measured, the winner once more."""

from marketfit.compress.confirm import confirm, unconfirmed
from marketfit.compress.step import compress

__all__ = ["compress", "confirm", "unconfirmed"]
