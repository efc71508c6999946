"""Whether chains agree: rank-normalised split R-hat and effective sample size (Vehtari, Gelman, Simpson, Carpenter &
Bürkner 2021, "Rank-normalization, folding, and localization: an improved R-hat", Bayesian Analysis 16)."""

from __future__ import annotations

import numpy as np
from scipy import special

from marketfit.demand.arrays import FloatArray


def r_hat(draws: FloatArray) -> float:
    """The larger of the bulk and the folded (tail) rank-normalised split R-hat of draws (chains, draws).

    1 when the chains agree; NaN with fewer than four draws in a chain; 1 for a quantity that never changes.

    >>> rng = np.random.default_rng(0)
    >>> one = rng.normal(size=(4, 500))
    >>> elsewhere, wider = one + np.arange(4)[:, None], one * np.array([[1], [1], [1], [5]])
    >>> round(r_hat(one), 2), r_hat(elsewhere) > 1.5, r_hat(wider) > 1.1
    (1.0, True, True)
    """
    halves = _split(draws)
    if halves.shape[1] < 2:
        return float("nan")
    folded = np.abs(halves - np.median(halves))
    return max(_ratio(_normalised(halves)), _ratio(_normalised(folded)))


def effective_size(draws: FloatArray) -> float:
    """Bulk effective sample size: how many independent draws tell as much of the centre as draws (chains, draws).

    Geyer's (1992) initial monotone sequence of the autocorrelations of the rank-normalised split chains. NaN with
    fewer than eight draws in a chain; at most draws · log10(draws).

    >>> independent = effective_size(np.random.default_rng(0).normal(size=(4, 500)))
    >>> bool(1700 < independent < 2300)
    True
    """
    halves = _split(draws)
    count = halves.shape[1]
    if count < 4:
        return float("nan")
    values = _normalised(halves)
    covariances = _autocovariances(values)
    within = covariances[:, 0].mean() * count / (count - 1)
    total = within * (count - 1) / count + values.mean(axis=1).var(ddof=1)
    if total <= 0:
        return float(values.size)
    correlations = 1 - (within - covariances.mean(axis=0) * count / (count - 1)) / total
    correlations[0] = 1.0
    pairs = correlations[: count // 2 * 2].reshape(-1, 2).sum(axis=1)
    stop = int(np.argmax(pairs < 0)) if (pairs < 0).any() else pairs.size
    time = -1 + 2 * np.minimum.accumulate(pairs[:stop]).sum()
    return float(values.size / max(time, 1 / np.log10(values.size)))


def _split(draws: FloatArray) -> FloatArray:
    """(2 chains, half of the draws): a chain that drifts disagrees with itself."""
    half = draws.shape[1] // 2
    return np.concatenate([draws[:, :half], draws[:, draws.shape[1] - half :]])


def _normalised(values: FloatArray) -> FloatArray:
    """Normal scores of the ranks over all chains, ties sharing their mean rank."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks = np.cumsum(counts) - (counts - 1) / 2
    scores: FloatArray = special.ndtri((ranks[place] - 3 / 8) / (values.size + 1 / 4))
    return scores.reshape(values.shape)


def _ratio(values: FloatArray) -> float:
    count = values.shape[1]
    within = float(values.var(axis=1, ddof=1).mean())
    between = float(values.mean(axis=1).var(ddof=1))
    if within == 0:
        return 1.0 if between == 0 else float("inf")
    return float(np.sqrt((count - 1) / count + between / within))


def _autocovariances(values: FloatArray) -> FloatArray:
    """(chains, lags), by Fourier transform."""
    count = values.shape[1]
    spectrum = np.fft.rfft(values - values.mean(axis=1, keepdims=True), 2 * count)
    covariances: FloatArray = np.fft.irfft(spectrum * spectrum.conj())[:, :count] / count
    return covariances
