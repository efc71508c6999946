"""Hostile bundles by name, each with the reason for which it must be refused: the exam of whoever opens bundles.

A case changes a folder `bundle` that lies beside a folder `another` (a second bundle) and the keys `ours` and `theirs`.
Needs the package onnx, of the extra `train`.
"""

from marketfit.testing.hostile.documents import DOCUMENTS
from marketfit.testing.hostile.files import FILES
from marketfit.testing.hostile.graphs import GOOD_GRAPHS as _GOOD_GRAPHS
from marketfit.testing.hostile.graphs import GRAPHS
from marketfit.testing.hostile.growth import GOOD_GROWTH, GROWTH
from marketfit.testing.hostile.making import Hostile

HOSTILE: dict[str, Hostile] = {**FILES, **GRAPHS, **GROWTH, **DOCUMENTS}
GOOD_GRAPHS = {**_GOOD_GRAPHS, **GOOD_GROWTH}

__all__ = ["GOOD_GRAPHS", "HOSTILE", "Hostile"]
