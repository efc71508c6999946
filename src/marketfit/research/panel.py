"""Who counts, in every survey of a brief: those whom the choice survey found careless do not, others are weighted.

Respondents are the same where their names are. Each survey is weighted to the known shares of the market
(`market.population`) by itself, for other people may have answered each.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from marketfit.brief import MarketSpec
from marketfit.demand import rake
from marketfit.records.market import ChoiceStudy
from marketfit.research.given import Flags, Floats
from marketfit.research.instruments.choice import ChoiceAnswers
from marketfit.research.respondents import Respondents, Standing
from marketfit.research.study.people import People, names_of


@dataclass(frozen=True, eq=False)
class Panel:
    """dropped: whose answers are left out. judged: everybody whose answers were looked at, None where nobody's were.
    people: what is known of them. population: variable → level → share of the market.
    """

    dropped: tuple[str, ...]
    judged: tuple[str, ...] | None
    people: People | None
    population: Mapping[str, Mapping[str, float]]

    @classmethod
    def of(
        cls, market: MarketSpec, people: People | None, choice: ChoiceAnswers | None, study: ChoiceStudy | None
    ) -> Panel:
        """What the choice survey and the table of respondents say of people; without them everybody counts one."""
        dropped = tuple(one.respondent for one in study.provenance.dropped) if study else ()
        judged = tuple(names_of(choice.data)) if choice and market.drop_careless else None
        return cls(dropped, judged, people, market.population)

    def standing(self, who: Respondents, *, weigh: bool = True) -> Standing:
        """Who of the respondents of a survey counts, and how much; not weighted to the market unless `weigh`.

        Raises:
            DataError: shares of the market that no weights of those who answered can reach.
        """
        kept = ~_among(who, self.dropped)
        notes = list(self._left_out(who, kept))
        if self.judged is not None and (strangers := int((kept & ~_among(who, self.judged)).sum())):
            notes.append(
                f"{strangers} of {who.count} respondents took no part in the choice survey: whether they answered with "
                "care was not judged, and they count."
            )
        weights = who.weights
        if weigh and self.population and kept.any():
            weights, told = self._weighted(who, kept)
            notes += told
        return Standing(kept, weights, tuple(notes))

    def _left_out(self, who: Respondents, kept: Flags) -> tuple[str, ...]:
        lost = who.names.take(pa.array(np.flatnonzero(~kept))).to_pylist()
        if not lost:
            return ()
        return (
            f"Left out: {len(lost)} of {who.count} respondents, against whom two criteria or more speak in the choice "
            f"survey, where the reasons are listed: {', '.join(lost)}.",
        )

    def _weighted(self, who: Respondents, kept: Flags) -> tuple[Floats, tuple[str, ...]]:
        """Weights (people,), raked from those of the file."""
        rows = np.flatnonzero(kept)
        names = who.names.take(pa.array(rows)).to_pylist()
        named = ", ".join(self.population)
        if self.people is None or not self.people.knows(names).any():
            found = "none of the respondents is in the table of respondents"
            return who.weights, (f"Not weighted to the market by {named}: {found}.",)
        sample = {column: self.people.levels(names, column) for column in self.population}
        made = rake(sample, self.population, start=who.weights[rows])
        weights = who.weights.copy()
        weights[rows] = made.weights
        note = f"Weights: {named} match the market."
        if made.trimmed:
            note += f" {made.trimmed} weights are held at a limit, so shares are up to {made.largest_gap:.1%} off."
        return weights, (note,)


def _among(who: Respondents, names: tuple[str, ...]) -> Flags:
    """(people,) whether a respondent is one of those named."""
    found = pc.is_in(who.names, value_set=pa.array(names, type=pa.large_string()))
    return np.asarray(found.to_numpy(zero_copy_only=False), dtype=np.bool_)
