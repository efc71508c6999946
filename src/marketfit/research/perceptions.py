"""What people say of named offers, and the perceptual map of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from marketfit.research.perceptual_map import PerceptualMap, correspondence_analysis, pca_biplot, varying
from marketfit.research.weighted import LEVEL, Flags, Floats, Ints, Means, means

FEWEST, MOST = 10, 2000
"""People below which a bootstrap has no interval, and groups of people that it draws at the most."""

_RESAMPLES = 1000


@dataclass(frozen=True, eq=False)
class PerceptionAnswers:
    """Ratings (answers,), or 1 and 0 for whether an attribute fits; codes of `offer`, `attribute` and `person`
    (answers,); weights (people,). offers, attributes: how many there are; each pair has an answer.
    """

    rating: Floats
    offer: Ints
    attribute: Ints
    person: Ints
    weights: Floats
    offers: int
    attributes: int
    fits_only: bool

    @property
    def pair(self) -> Ints:
        """(answers,) the pair of offer and attribute: offer × attributes + attribute."""
        return self.offer * self.attributes + self.attribute


@dataclass(frozen=True, eq=False)
class PerceptionMap:
    """A map of offers and attributes, those in `offers` and `attributes` (flags) alone.

    low, high: (offers in the map, axes) ends of the 95 % intervals of the offers' places, or None with few people.
    """

    map: PerceptualMap
    offers: Flags
    attributes: Flags
    low: Floats | None
    high: Floats | None


def mean_perceptions(answers: PerceptionAnswers) -> Means:
    """The mean rating, or the share of people who say it fits, of each pair of offer and attribute."""
    pairs = answers.offers * answers.attributes
    return means(answers.rating, answers.pair, answers.person, answers.weights, items=pairs)


def perception_map(answers: PerceptionAnswers, *, seed: int = 0) -> PerceptionMap:
    """Correspondence analysis of how many say that an attribute fits, or a PCA biplot of mean ratings.

    Offers that nothing fits, attributes that fit nothing, and attributes whose mean ratings are all the same are not in
    the map. Places of offers have percentile intervals from a Bayesian bootstrap of people, or of random groups of
    them, whose tables are placed on the axes of the whole (the partial bootstrap of Greenacre 1984, section 8.1).

    Raises:
        DataError: nothing differs between offers.
    """
    everybody = _table(answers, np.zeros(answers.weights.size, dtype=np.int64), np.ones((1, 1)))[0]
    offers, attributes = np.ones(answers.offers, dtype=np.bool_), np.ones(answers.attributes, dtype=np.bool_)
    if answers.fits_only:
        offers, attributes = everybody.any(axis=1), everybody.any(axis=0)
        found = correspondence_analysis(everybody[np.ix_(offers, attributes)])
    else:
        attributes = varying(everybody)
        found = pca_biplot(everybody[:, attributes])
    low = high = None
    if answers.weights.size >= FEWEST:
        rng = np.random.default_rng(seed)
        groups = min(answers.weights.size, MOST)
        drawn = rng.standard_exponential((_RESAMPLES, groups))
        tables = _table(answers, rng.permutation(answers.weights.size) % groups, drawn)
        places = found.place(tables[:, offers][:, :, attributes])
        tail = (1 - LEVEL) / 2
        low, high = np.quantile(places, (tail, 1 - tail), axis=0)
    return PerceptionMap(found, offers, attributes, low, high)


def _table(answers: PerceptionAnswers, group: Ints, drawn: Floats) -> Floats:
    """(resamples, offers, attributes) counts, or mean ratings, under weights of the groups (resamples, groups)."""
    pairs = answers.offers * answers.attributes
    cell = group[answers.person] * pairs + answers.pair
    weight = answers.weights[answers.person]
    shape = (drawn.shape[1], pairs)
    sums = drawn @ np.bincount(cell, weights=weight * answers.rating, minlength=shape[0] * pairs).reshape(shape)
    if not answers.fits_only:
        sums = sums / (drawn @ np.bincount(cell, weights=weight, minlength=shape[0] * pairs).reshape(shape))
    return np.asarray(sums.reshape(-1, answers.offers, answers.attributes))
