"""Themes of open answers: statements that mean alike, named by their words, counted by the people who made them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from marketfit.brief.market import looks_for_something
from marketfit.errors import DataError, Problem
from marketfit.measure.clusters import best_clusters, clusters
from marketfit.research.given import Floats
from marketfit.research.theme_names import Embed, theme_names
from marketfit.research.weighted import share
from marketfit.task import FloatMatrix, normalise_text

FEWEST_STATEMENTS = 12  # below, statements are listed and not grouped
MOST_THEMES = 12
_QUOTES = 3
_ENDS = re.compile(r"(?<=[.!?;])\s+|(?<=[\u3002\uff01\uff1f\uff1b])\s*|\n+")  # Chinese sentences end without a space
_UNSPACED = (
    r"\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff"  # Thai, Lao, Tibetan; Burmese; Khmer
    r"\u3005-\u3007\u3040-\u312f\u31a0-\u31bf\u31f0-\u31ff\uff66-\uff9f"  # Japanese syllables, Bopomofo
    r"\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # Chinese characters
)
_SPACED = rf"[^\W{_UNSPACED}]"  # a letter or digit of a script that parts words by spaces


@dataclass(frozen=True)
class Statement:
    """One sentence of an answer. respondent: index of who said it; row: of the answers, from 1; question: index of what
    was asked.
    """

    text: str
    respondent: int
    row: int
    question: int = 0


@dataclass(frozen=True)
class Theme:
    """Statements that belong together. share of people who made one, weighted, with its 95 % interval
    (Clopper–Pearson).
    """

    name: str
    statements: int
    people: int
    share: float
    low: float
    high: float
    quotes: tuple[str, ...]


@dataclass(frozen=True)
class Grouped:
    """Themes, most people first; `other`: statements that fit nowhere, None without any. silhouette: of the groups
    (1 well apart, 0 not apart).
    """

    themes: tuple[Theme, ...]
    other: Theme | None
    silhouette: float


def statements_of(
    texts: Sequence[str], respondents: Sequence[int], questions: Sequence[int] | None = None
) -> tuple[Statement, ...]:
    """Split answers into sentences; what has no letter is left out. All answer question 0 unless `questions` are given.

    >>> [s.text for s in statements_of(["Too slow. I like the price!", "ok"], [0, 1])]
    ['Too slow.', 'I like the price!', 'ok']
    """
    found = []
    asked = [0] * len(texts) if questions is None else questions
    for row, (text, respondent, question) in enumerate(zip(texts, respondents, asked, strict=True), start=1):
        for part in _ENDS.split(text):
            clean = normalise_text(part)
            if re.search(r"[^\W\d_]", clean):
                found.append(Statement(clean, respondent, row, question))
    return tuple(found)


def themes_by_meaning(
    statements: Sequence[Statement],
    embeddings: FloatMatrix,
    *,
    people: int,
    weights: Floats | None = None,
    embed: Embed | None = None,
) -> Grouped:
    """Group statements by their embeddings; the number of groups has the largest silhouette. No randomness.

    A statement nearer on average to another group than to the rest of its own, or alone in it, fits nowhere: its
    silhouette width is not positive (Rousseeuw 1987).

    embeddings: (statements, dim) of unit length. people: who were asked, also those who said nothing of use. weights:
    (respondents,) how much each counts, 0 for those who were not asked; all asked count 1 unless given. embed: makes
    such embeddings of other texts; with it themes are named by words that mean what they do (`theme_names`).
    """
    counts = np.ones(people) if weights is None else weights
    most = min(MOST_THEMES, len(statements) // 4)
    if len(statements) < FEWEST_STATEMENTS or most < 2:
        everything = clusters(embeddings, 1)[1]
        return Grouped(_named(statements, everything, embeddings, counts, embed), None, 0.0)
    _, groups, apart = best_clusters(embeddings, range(2, most + 1))
    fit = _fits(embeddings, groups)
    inside = [statement for statement, fits in zip(statements, fit.tolist(), strict=True) if fits]
    outside = [statement for statement, fits in zip(statements, fit.tolist(), strict=True) if not fits]
    themes = _named(inside, groups[fit], embeddings[fit], counts, embed)
    return Grouped(themes, _theme("other", outside, counts) if outside else None, apart)


def _fits(embeddings: FloatMatrix, groups: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which rows (n,) have a positive silhouette width. Mean cosines are products with the sums of groups."""
    names, place = np.unique(groups, return_inverse=True)
    if names.size < 2:
        return np.ones(len(groups), dtype=np.bool_)
    rows, everyone = embeddings.astype(np.float64), np.arange(len(groups))
    member = np.eye(names.size)[place]  # (rows, groups)
    sizes = member.sum(axis=0)
    alike = rows @ (member.T @ rows).T
    own = (alike[everyone, place] - (rows * rows).sum(axis=1)) / np.maximum(sizes[place] - 1, 1)
    nearest_other = np.where(member > 0, -np.inf, alike / sizes).max(axis=1)
    fit: NDArray[np.bool_] = (own > nearest_other) & (sizes[place] > 1)
    return fit


def themes_by_rules(
    statements: Sequence[Statement], rules: Mapping[str, Sequence[str]], *, people: int, weights: Floats | None = None
) -> tuple[Theme, ...]:
    """Code statements by words and phrases: a statement belongs to every code one of whose phrases it holds.

    rules: code → phrases; `*` at the end of a word stands for any ending. Upper and lower case are the same. A phrase
    stands for whole words, but in scripts that part no words by spaces for its characters anywhere. people, weights:
    as in `themes_by_meaning`.

    >>> said = statements_of(["这个很便宜", "C++ is hard", "a bargain"], [0, 1, 2])
    >>> rules = {"price": ["便宜", "bargain"], "language": ["C++"], "pub": ["bar"]}
    >>> [(theme.name, theme.people) for theme in themes_by_rules(said, rules, people=3)]
    [('price', 2), ('language', 1), ('pub', 0)]

    Raises:
        DataError: a code without phrases, or a phrase without a character to look for: it would fit everything.
    """
    for name, phrases in rules.items():
        if not phrases or not all(map(looks_for_something, phrases)):
            wrong = "a phrase fits every answer" if phrases else "has no phrases"
            raise DataError([Problem(f"rules['{name}']", wrong, "words or phrases", "write what people say")])
    counts = np.ones(people) if weights is None else weights
    found = []
    for name, phrases in rules.items():
        pattern = re.compile("|".join(_phrase(phrase) for phrase in phrases), re.IGNORECASE)
        mine = [statement for statement in statements if pattern.search(statement.text)]
        found.append(_theme(name, mine, counts))
    return tuple(sorted(found, key=lambda theme: (-theme.people, theme.name)))


def _phrase(phrase: str) -> str:
    """A pattern for a phrase. Its ends are ends of words where they are letters that spaces part from others: there is
    no such end between two Chinese characters, nor beside the last sign of "C++".
    """
    words = normalise_text(phrase).split()
    inner = r"\s+".join(re.escape(word).replace(r"\*", r"\w*") for word in words)
    before = f"(?<!{_SPACED})" if re.match(_SPACED, words[0]) else ""
    after = f"(?!{_SPACED})" if re.search(f"{_SPACED}$", words[-1]) else ""
    return before + inner + after


def _named(
    statements: Sequence[Statement],
    groups: NDArray[np.int64],
    embeddings: FloatMatrix,
    weights: Floats,
    embed: Embed | None,
) -> tuple[Theme, ...]:
    rows = [np.flatnonzero(groups == name) for name in np.unique(groups)]
    centres = np.stack([embeddings[mine].mean(axis=0) for mine in rows])
    names = theme_names([[statements[row].text for row in mine.tolist()] for mine in rows], centres, embed)
    found = []
    for name, mine, centre in zip(names, rows, centres, strict=True):
        order = mine[np.argsort(-(embeddings[mine] @ centre), kind="stable")]
        typical = [statements[row] for row in order.tolist()]
        found.append(_theme(name, typical, weights))
    return tuple(sorted(found, key=lambda theme: (-theme.people, theme.name)))


def _theme(name: str, mine: Sequence[Statement], weights: Floats) -> Theme:
    """mine: the most typical first, as far as that is known."""
    who = {statement.respondent for statement in mine}
    made = np.zeros(weights.size, dtype=np.bool_)
    made[list(who)] = True
    asked = weights > 0
    rate = share(made[asked], weights[asked])
    low, high = rate.low or 0.0, 1.0 if rate.high is None else rate.high
    return Theme(name, len(mine), len(who), rate.value, low, high, _quotes(mine))


def _quotes(mine: Sequence[Statement]) -> tuple[str, ...]:
    """The first statements, one of a person, and none that differs from another in case or marks alone."""
    people: set[int] = set()
    said: set[str] = set()
    quotes: list[str] = []
    for statement in mine:
        plain = " ".join(re.findall(r"\w+", statement.text.casefold()))
        if statement.respondent not in people and plain not in said and len(quotes) < _QUOTES:
            people.add(statement.respondent)
            said.add(plain)
            quotes.append(statement.text)
    return tuple(quotes)
