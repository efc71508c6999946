"""The plan: which sequences of passes are made next, by what has been measured so far."""

from marketfit.compress.plan.front import pareto_front
from marketfit.compress.plan.walk import Planned, Walk

__all__ = ["Planned", "Walk", "pareto_front"]
