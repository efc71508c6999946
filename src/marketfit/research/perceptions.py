"""What people say of named offers, and the perceptual map of it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from marketfit.research.given import Flags, Floats, Given, Ints, everybody_counts_one
from marketfit.research.perceptual_map import PerceptualMap, correspondence_analysis, pca_biplot, varying
from marketfit.research.weighted import LEVEL, Estimate, means, share

FEWEST, MOST = 10, 2000
"""People below which a bootstrap has no interval, and groups of people that it draws at the most."""

_RESAMPLES = 1000


@dataclass(frozen=True, eq=False)
class PerceptionAnswers:
    """Ratings (answers,), or 1 and 0 for whether an attribute fits; codes of `offer`, `attribute` and `person`
    (answers,); weights (people,), all 1 unless given. offers, attributes: how many there are, as many as the codes need
    unless given; each pair has an answer, and a person judges it once. scale: the highest rating, the lowest being 1;
    where it is not known, ratings that are all the same have no interval.

    Raises:
        DataError: ratings off the scale, codes that are none, pairs that nobody judged, lengths that differ, weights
            that are not above 0.
    """

    rating: Floats
    offer: Ints
    attribute: Ints
    person: Ints
    weights: Floats = field(default_factory=everybody_counts_one)
    offers: int = 0
    attributes: int = 0
    fits_only: bool = False
    scale: float | None = None

    def __post_init__(self) -> None:
        given = Given()
        rows = (np.size(self.offer),)
        low, high = (1.0, self.scale) if self.scale is not None else (-np.inf, np.inf)
        low, high = (0.0, 1.0) if self.fits_only else (low, high)
        rating = given.numbers("rating", self.rating, low=low, high=high, whole=self.fits_only, shape=rows)
        names = {"offer": (self.offer, self.offers), "attribute": (self.attribute, self.attributes)}
        codes, weights = given.keys(names, self.person, self.weights, shape=rows)
        given.check()
        offers, attributes = (count or int(codes[name].max(initial=-1)) + 1 for name, (_, count) in names.items())
        given.settle(self, rating=rating, **codes, weights=weights, offers=offers, attributes=attributes)
        given.used("pair of offer and attribute", self.pair, offers * attributes)
        given.once({"person": self.person, "pair": self.pair})
        given.check()

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


def mean_perceptions(answers: PerceptionAnswers) -> tuple[Estimate, ...]:
    """The mean rating, or the share of people who say it fits, of each pair of offer and attribute, by `pair`."""
    pairs = answers.offers * answers.attributes
    if not answers.fits_only:
        within = None if answers.scale is None else (1.0, answers.scale)
        found = means(answers.rating, answers.pair, answers.person, answers.weights, items=pairs, within=within)
        return tuple(found.item(pair) for pair in range(pairs))
    order = np.argsort(answers.pair, kind="stable")
    cuts = np.searchsorted(answers.pair[order], np.arange(pairs + 1))
    rows = [order[cuts[pair] : cuts[pair + 1]] for pair in range(pairs)]
    return tuple(share(answers.rating[some] > 0, answers.weights[answers.person[some]]) for some in rows)


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
