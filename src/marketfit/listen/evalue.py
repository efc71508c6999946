"""Is the challenger right more often? An e-value that may be looked at after every pair.

Champion and challenger answer the same audited inputs. Pairs on which both are right or both are wrong say nothing
about which is better; among the others let `p` be the probability that the challenger is the one that is right. The
hypothesis to be refuted is p ≤ ½. Against one alternative q > ½ the likelihood ratio of w wins and l losses is

    (2q)^w · (2(1 − q))^l ,

and the expectation of one factor under p is 2(pq + (1 − p)(1 − q)): 1 at p = ½ and, since q > ½, less for smaller p. So
the product is a test martingale at p = ½ and a supermartingale under the whole hypothesis. That stays so when it is
averaged over q with a fixed weight; with the Beta(a, b) density cut to (½, 1] the average is

    E(w, l) = 2^(w+l) · B(a + w, b + l) · Q(a + w, b + l) / (B(a, b) · Q(a, b)),    Q(x, y) = P(Beta(x, y) > ½).

By Ville's inequality P(E ever reaches 20) ≤ 1/20, whenever one looks and whenever one stops (Ville 1939; the mixture is
Robbins 1970; e-values: Ramdas, Grünwald, Vovk & Shafer 2023, Grünwald, de Heide & Koolen 2024). Harm is the same with
the roles swapped.
"""

from __future__ import annotations

import math

THRESHOLD = 20.0
"""Evidence that suffices: a false alarm happens with probability 1/20 at the most, however often one looks."""


def evalue(wins: int, losses: int, *, a: float = 1.0, b: float = 1.0) -> float:
    """Evidence against "a win is at most as probable as a loss".

    >>> round(evalue(0, 0), 6), round(evalue(7, 0), 1), evalue(6, 0) < 20
    (1.0, 31.9, True)
    >>> round(evalue(0, 7), 6)
    0.125
    """
    return math.exp(min(log_evalue(wins, losses, a=a, b=b), 700.0))


def log_evalue(wins: int, losses: int, *, a: float = 1.0, b: float = 1.0) -> float:
    """Natural logarithm of `evalue`; minus infinity where the e-value is below what a float can hold.

    Raises:
        ValueError: a negative count, or a weight that is not positive.
    """
    from scipy.special import betaincc, betaln

    if wins < 0 or losses < 0 or a <= 0 or b <= 0:
        raise ValueError(f"wins {wins} and losses {losses} must not be negative, a {a} and b {b} must be positive")
    above = float(betaincc(a + wins, b + losses, 0.5))
    if above == 0.0:
        return -math.inf
    mixture = float(betaln(a + wins, b + losses)) + math.log(above)
    weight = float(betaln(a, b)) + math.log(float(betaincc(a, b, 0.5)))
    return (wins + losses) * math.log(2.0) + mixture - weight
