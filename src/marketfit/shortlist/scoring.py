"""What frozen features are good for: a linear probe, and LogME; and the floor that needs no features at all."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from marketfit.measure.intervals import Bounds, clopper_pearson
from marketfit.shortlist.options import CONFIDENCE, FLOOR_STRENGTH, ITERATIONS, STRENGTH
from marketfit.shortlist.sample import Part
from marketfit.task import FloatMatrix, IntVector

_ENOUGH_ROWS = 1_000  # from here on an n-gram that occurs once is noise
_MOST_NGRAMS = 200_000
_STEPS = 11  # of LogME's fixed point, as its authors take


@dataclass(frozen=True)
class Score:
    """Which valid rows a classifier has right, and its accuracy with one-sided bounds."""

    right: NDArray[np.bool_]
    accuracy: Bounds

    @classmethod
    def of(cls, predicted: IntVector, targets: IntVector) -> Score:
        """Compare predictions with the truth."""
        right = predicted == targets
        return cls(right, clopper_pearson(int(right.sum()), len(right), confidence=CONFIDENCE))


def probe(train: FloatMatrix, targets: IntVector, valid: FloatMatrix, truth: IntVector) -> Score:
    """Logistic regression on frozen features: the least that tuning reaches."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=STRENGTH, max_iter=ITERATIONS, tol=1e-6)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # stopped early on purpose, see ITERATIONS
        model.fit(train, targets)
    return Score.of(model.predict(valid), truth)


def text_floor(train: Part, valid: Part, *, seed: int) -> Score:
    """Character TF-IDF (2 to 4 letters, sublinear) and a linear support vector machine: no pretrained model.

    Inputs that are not text have no such floor: the most frequent class stands in.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.svm import LinearSVC

    if not all(isinstance(example, str) for example in (*train.inputs, *valid.inputs)):
        return Score.of(np.full(len(valid), np.bincount(train.targets).argmax()), valid.targets)
    rarest = 2 if len(train) >= _ENOUGH_ROWS else 1
    vectors = TfidfVectorizer(
        analyzer="char_wb", ngram_range=(2, 4), sublinear_tf=True, min_df=rarest, max_features=_MOST_NGRAMS
    )
    model = LinearSVC(C=FLOOR_STRENGTH, tol=1e-2, random_state=seed)
    model.fit(vectors.fit_transform(train.inputs), train.targets)
    return Score.of(model.predict(vectors.transform(valid.inputs)), valid.targets)


def logme(features: FloatMatrix, targets: IntVector) -> float:
    """Log of the maximum evidence of a Bayesian linear model, a row and class (You, Liu, Wang & Long 2021).

    Higher: the features explain the labels better. It needs no training, so it settles ties between probes.
    """
    centred = features.astype(np.float64)
    left, singular, _ = np.linalg.svd(centred, full_matrices=False)
    squares = singular**2
    classes = np.unique(targets)
    return float(np.mean([_evidence(left, squares, (targets == target).astype(np.float64)) for target in classes]))


def _evidence(left: NDArray[np.float64], squares: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """The evidence of one class against the rest, at the fixed point of prior (alpha) and noise (beta) precision."""
    rows, dim = left.shape
    projected = (left.T @ y) ** 2
    outside = max(0.0, float(y @ y - projected.sum()))
    alpha = beta = 1.0
    for _ in range(_STEPS):
        ratio = alpha / beta
        gamma = float((squares / (squares + ratio)).sum())
        weight = float((squares * projected / (squares + ratio) ** 2).sum())
        residue = float((projected / (1 + squares / ratio) ** 2).sum()) + outside
        alpha, beta = gamma / (weight + 1e-5), (rows - gamma) / (residue + 1e-5)
    ratio = alpha / beta
    weight = float((squares * projected / (squares + ratio) ** 2).sum())
    residue = float((projected / (1 + squares / ratio) ** 2).sum()) + outside
    evidence = (
        dim * np.log(alpha) + rows * np.log(beta) - np.log(alpha + beta * squares).sum()
        - beta * residue - alpha * weight - rows * np.log(2 * np.pi)
    ) / 2  # fmt: skip
    return float(evidence / rows)
