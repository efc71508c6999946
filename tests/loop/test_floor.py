"""A winner that is no better than character TF-IDF ships where its promises are kept, and it is said."""

from __future__ import annotations

import pytest

from marketfit.contract import Measurement
from marketfit.loop.cycle import floor_notes
from marketfit.loop.turn import Turn
from marketfit.records.decision import Decision
from marketfit.records.models import Shortlist
from marketfit.records.variants import Variant, Variants


def turn(accuracy: float, *, winner: str | None = "v") -> Turn:
    """What the note is made of; nothing else of a turn."""
    seen = Measurement(metric="accuracy", value=accuracy, low=0.0, high=1.0, n=865)
    variant = Variant.model_construct(name="v", measurements=(seen,))
    return Turn.model_construct(
        models=Shortlist(candidates=(), floor_accuracy=0.78, floor_low=0.75, floor_high=0.81, floor_rows=865),
        variants=Variants.model_construct(variants=(variant,)),
        decision=Decision.model_construct(winner=winner),
    )


@pytest.mark.parametrize("accuracy", [0.7, 0.78])
def test_a_winner_that_does_not_beat_the_floor_says_so(accuracy: float) -> None:
    (note,) = floor_notes(turn(accuracy))
    assert f"on the 865 valid rows is {accuracy:.4f}, that of character TF-IDF 0.7800 (0.7500 to 0.8100)" in note


def test_one_that_beats_it_and_no_winner_say_nothing() -> None:
    assert floor_notes(turn(0.79)) == ()
    assert floor_notes(turn(0.7, winner=None)) == ()
