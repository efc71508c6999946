from __future__ import annotations

from marketfit.brief import AttributeSpec, MarketSpec
from marketfit.records.findings import Finding
from marketfit.records.market import Offer
from marketfit.research.competition import competition

SET = {
    "speed": AttributeSpec(offer=(3.0,), better="higher"),
    "privacy": AttributeSpec(offer=("on-device",)),
    "price": AttributeSpec(offer=(2.0, 5.0), better="lower"),
}


def offer(name: str, speed: float, privacy: str, price: float) -> Offer:
    return Offer(name=name, attributes={"speed": speed, "privacy": privacy, "price": price})


RIVALS = (offer("A", 3.0, "cloud", 4.0), offer("B", 2.0, "cloud", 4.5), offer("C", 5.0, "cloud", 9.0))


def test_dominated_offers_are_the_same_in_all_else() -> None:
    found = competition((*RIVALS, offer("D", 3.0, "on-device", 4.0)), MarketSpec(attributes=SET), product="ours")
    dominated, taste = found.tables[:2]
    assert dominated.title == "Dominated offers"
    assert set(dominated.rows) == {
        ("B", "A", "speed, price"),
        ("D", "ours (price 2)", "price"),
        ("ours (price 5)", "D", "price"),
    }
    assert taste.title == "Better in all that has a direction, but different in something else"
    assert set(taste.rows) == {
        ("A", "ours (price 2)", "price", "privacy"),
        ("B", "ours (price 2)", "speed, price", "privacy"),
        ("B", "D", "speed, price", "privacy"),
        ("ours (price 5)", "A", "price", "privacy"),
    }
    assert not any("dominated" in note for note in found.notes)
    assert Finding.model_validate_json(found.model_dump_json()) == found


def test_our_own_prices_are_not_held_against_each_other() -> None:
    found = competition((offer("C", 5.0, "cloud", 9.0),), MarketSpec(attributes=SET), product="ours")
    assert all(table.title.startswith("Map") for table in found.tables)
    assert "No offer is dominated: none is matched in everything and beaten in something." in found.notes


def test_the_map_holds_the_numbers() -> None:
    found = competition(RIVALS, MarketSpec(attributes=SET, simulated=True), product="ours")
    table = found.tables[-1]
    assert [row[:2] for row in table.rows] == [
        ("A", "offer"), ("B", "offer"), ("C", "offer"), ("ours (price 2)", "offer"), ("ours (price 5)", "offer"),
        ("speed", "attribute"), ("price", "attribute"),
    ]  # fmt: skip
    assert table.drawing is not None
    assert table.drawing.kind == "map"
    assert sum(figure.value for figure in found.figures) > 99.99
    assert all(figure.low is None and figure.n == 5 for figure in found.figures)
    assert found.simulated


def test_what_is_measured_later_is_not_compared() -> None:
    attributes = {**SET, "speed": AttributeSpec(metric="latency_p95_ms", better="lower")}
    found = competition(RIVALS, MarketSpec(attributes=attributes), product="ours")
    assert "Our offer is not compared here: speed will be measured." in found.notes
    assert [row[:2] for row in found.tables[0].rows] == [("A", "B")] or all(
        "ours" not in str(row) for row in found.tables[0].rows
    )


def test_too_little_for_a_map_and_no_direction_are_noted() -> None:
    market = MarketSpec(attributes={"colour": AttributeSpec(offer=("red",))})
    found = competition((Offer(name="A", attributes={"colour": "red"}),), market, product="ours")
    assert found.tables == ()
    assert len(found.notes) == 2
