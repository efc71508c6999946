"""Every constant of the shortlist, in one place, with its reason."""

from __future__ import annotations

from typing import Final

CONFIDENCE: Final = 0.95
"""Of each one-sided bound of an accuracy."""

# --- how much is looked at: seconds a backbone, not minutes

TRAIN_ROWS: Final = 6_000
TRAIN_CHARACTERS: Final = 600_000
VALID_ROWS: Final = 3_000
VALID_CHARACTERS: Final = 300_000
FEWEST_ROWS: Final = 500
"""Long texts lower the number of rows, but not below this."""

# --- the probe and the floor

STRENGTH: Final = 10.0
"""Inverse regularisation C of logistic regression on unit-length features."""

ITERATIONS: Final = 60
"""L-BFGS iterations: on 150 classes the accuracy is within 0.2 points of the optimum's."""

FLOOR_STRENGTH: Final = 1.0
"""C of the linear support vector machine on character TF-IDF."""

# --- latency floor

LATENCY_ROUNDS: Final = 5
LATENCY_REQUESTS: Final = 40
"""Requests of each candidate in each round; candidates take turns, so that a busy moment meets all of them."""

# --- what may still change after the shortlist (a backbone is dropped only where even this does not help)

SMALLEST_SHRINK: Final = 0.5
"""A trimmed vocabulary and fewer layers may halve the int8 size."""

FURTHER_GAIN: Final = 0.5
"""Fewer and narrower layers may halve the latency that was measured."""

TUNING_GAIN: Final = 1 / 3
"""Tuning removes about a third of a probe's errors."""

ACCURACY_SPREAD: Final = 0.02
"""Standard deviation of what tuning gives around that."""

POINTS_PER_DOUBLING: Final = 0.01
"""Ranking: one point of accuracy is worth one doubling of latency."""
