from __future__ import annotations

import itertools

import numpy as np
import pytest

from marketfit.report.charts.labels import overlap, spots
from marketfit.report.charts.scatter import Cross, Mark, scatter


@pytest.mark.parametrize("seed", range(12))
def test_names_of_a_crowd_hide_neither_each_other_nor_marks(seed: int) -> None:
    """24 marks crowd into a third of the picture; there is room around them."""
    rng = np.random.default_rng(seed)
    places = [tuple(place) for place in (rng.uniform(0, 1, (24, 2)) * (340, 210) + (160, 85)).tolist()]
    widths = rng.uniform(30, 90, 24).tolist()
    chosen = spots(places, widths, width=660, height=380)
    boxes = [spot.box(x, y, width) for spot, (x, y), width in zip(chosen, places, widths, strict=True)]
    assert sum(overlap(one, other) > 0 for one, other in itertools.combinations(boxes, 2)) == 0
    assert all(overlap(box, (x - 4, y - 4, x + 4, y + 4)) == 0 for box in boxes for x, y in places)
    assert all(box[0] >= 0 and box[1] >= 0 and box[2] <= 660 and box[3] <= 380 for box in boxes)
    assert spots(places, widths, width=660, height=380) == chosen


def test_marks_on_one_place_all_have_their_names() -> None:
    chosen = spots([(100.0, 100.0)] * 6, [40.0] * 6, width=200, height=200)
    boxes = [spot.box(100, 100, 40) for spot in chosen]
    assert all(overlap(one, other) == 0 for one, other in itertools.combinations(boxes, 2))


def test_the_picture_of_one_mark_and_of_many_is_drawn() -> None:
    for count in (1, 30):
        marks = [Mark(f"name {k}", 1.0, float(k % 7), "offer") for k in range(count)]
        told = scatter(marks, Cross("x", "y"))(720).to_dict()
        texts = [layer["data"]["name"] for layer in told["layer"] if layer["mark"]["type"] == "text"]
        assert sum(len(told["datasets"][name]) for name in texts) == count
