"""Step 5, model optimisation: every finalist exported, compressed, reloaded and measured, the winner once more.

Where nothing can ship that was timed, the plan goes on.
"""

from marketfit.compress.confirm import confirm, unconfirmed
from marketfit.compress.step import compress, extend

__all__ = ["compress", "confirm", "extend", "unconfirmed"]
