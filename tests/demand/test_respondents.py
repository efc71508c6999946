"""Respondents: robots are caught, people are kept, nobody goes for one reason, everybody who goes is named."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from marketfit.demand import ChoiceData
from marketfit.demand.arrays import FloatArray
from marketfit.demand.respondents import consistency
from marketfit.demand.respondents.patterns import cheapest_only, duplicates, speeders, straight_lining
from marketfit.demand.respondents.quality import RespondentQuality, check_respondents
from marketfit.errors import DataError

PEOPLE, ROBOTS, TASKS, OFFERS = 80, 20, 10, 3


def survey(seed: int = 0) -> ChoiceData:
    """80 people with clear tastes, then 10 who answer at random (r…) and 10 who always take the same place (s…)."""
    rng = np.random.default_rng(seed)
    rows = []
    for person in range(PEOPLE + ROBOTS):
        taste = np.array([-1.5, 2.0, 1.0]) + rng.normal(size=3) * [0.5, 0.8, 0.8]
        kind = "p" if person < PEOPLE else "r" if person < PEOPLE + ROBOTS // 2 else "s"
        place = int(rng.integers(OFFERS))
        for task in range(TASKS):
            shown = np.column_stack([rng.integers(1, 5, OFFERS), rng.integers(0, 2, OFFERS), rng.normal(size=OFFERS)])
            won = int(np.argmax(shown @ taste + rng.gumbel(size=OFFERS)))
            won = won if kind == "p" else int(rng.integers(OFFERS)) if kind == "r" else place
            rows += [(f"{kind}{person:03d}", task, str(k), int(k == won), *shown[k]) for k in range(OFFERS)]
    columns = ["who", "task", "alt", "won", "price", "brand", "size"]
    return ChoiceData.from_table(
        pl.DataFrame(rows, schema=columns, orient="row"),
        respondent="who", task="task", alternative="alt", chosen="won", attributes=["price", "brand", "size"],
    )  # fmt: skip


HASTY, FRUGAL = 0, 1
"""Two people with clear tastes: one takes 5 s where others take 100, one always takes the lowest price."""


def lowest_price(data: ChoiceData, person: int) -> ChoiceData:
    """The same, with a person who takes the first of the cheapest in every task."""
    price = next(item for item in data.attributes if item.name == "price").numbers
    chosen = data.chosen.copy()
    for task in np.flatnonzero(np.asarray(data.respondent) == person).tolist():
        begin = int(data.starts[task])
        chosen[task] = begin + int(np.argmin(price[begin : begin + OFFERS]))
    return replace(data, choices=chosen)


@pytest.fixture(scope="module")
def data() -> ChoiceData:
    return lowest_price(survey(), FRUGAL)


@pytest.fixture(scope="module")
def judged(data: ChoiceData) -> RespondentQuality:
    seconds = np.full(data.respondents, 100.0)
    seconds[HASTY] = 5.0
    return check_respondents(data, seconds=seconds, rng=1)


def test_robots_are_caught_and_people_are_kept(data: ChoiceData, judged: RespondentQuality) -> None:
    kept = judged.kept
    assert kept[:PEOPLE].mean() >= 0.95
    assert (~kept[PEOPLE:]).mean() >= 0.9
    assert all(len(verdict.criteria) >= 2 and len(verdict.reasons) >= 2 for verdict in judged.dropped)
    assert {verdict.respondent for verdict in judged.dropped} == {
        str(name) for name in np.array(data.respondent_labels)[~kept]
    }


def test_nothing_vanishes(data: ChoiceData, judged: RespondentQuality) -> None:
    clean = judged.clean(data)
    assert clean.respondents == judged.respondents - len(judged.dropped)
    assert clean.tasks == data.tasks - sum(verdict.tasks for verdict in judged.dropped)


def test_the_same_seed_gives_the_same_verdicts(data: ChoiceData, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consistency, "ITERATIONS", 40)
    monkeypatch.setattr(consistency, "POPULATIONS", 20)
    one, same, other = (check_respondents(data, rng=seed).verdicts for seed in (1, 1, 2))
    assert one == same
    assert one != other  # the reasons tell scores, which are simulated


def test_a_straight_line_is_held_against_the_full_cut_off() -> None:
    """In six tasks people in earnest look like robots so often that the cut-off for all catches few straight-liners."""
    rng = np.random.default_rng(0)
    earnest, chance = rng.normal(1.0, 2.0, size=(40, 20, 2)), rng.normal(0.0, 2.0, size=(40, 20, 2))
    cuts = consistency._cuts(chance, earnest, np.full(40, 6))
    assert (cuts[:, 2:] > cuts[:, :2] + 1.0).all()
    assert (chance[..., 0] < cuts[0, 2]).mean() == pytest.approx(consistency.CUT, abs=0.01)
    zeros = np.zeros(40)
    scores = consistency.Consistency(zeros, zeros, *cuts.T)
    line = np.arange(40) == 7
    held = scores.held_against(line)
    assert held.odd_cut[line] == scores.odd_full[line]
    assert held.even_cut[line] == scores.even_full[line]
    assert (held.odd_cut[~line] == scores.odd_cut[~line]).all()


def test_one_reason_is_not_enough(judged: RespondentQuality) -> None:
    verdict = next(one for one in judged.verdicts if one.respondent == f"p{HASTY:03d}")
    assert verdict.criteria == ("speed",)
    assert not verdict.dropped
    assert "5 s" in verdict.reasons[0]


def test_straight_lines_and_turns() -> None:
    data = survey()
    found = straight_lining(data)
    assert found[-ROBOTS // 2 :].all()
    assert found[: PEOPLE + ROBOTS // 2].sum() == 0
    turns = data.starts + np.arange(data.tasks) % TASKS % OFFERS
    assert straight_lining(replace(data, choices=turns)).all()


def test_turns_are_found_where_tasks_are_numbered_as_text() -> None:
    """Task "10" comes after task "9", and not after task "1"."""
    rows = [
        ("p", str(task), str(place), int((task - 1) % 3 + 1 == place), float(task * place % 5))
        for task in range(1, 13)
        for place in range(1, 4)
    ]
    table = pl.DataFrame(rows, schema=["who", "task", "alt", "won", "price"], orient="row")
    read = ChoiceData.from_table(
        table, respondent="who", task="task", alternative="alt", chosen="won", attributes=["price"]
    )
    assert straight_lining(read).all()


def test_always_taking_nothing_is_a_taste(data_with_none: ChoiceData) -> None:
    nothing = np.flatnonzero(data_with_none.is_none)
    assert not straight_lining(replace(data_with_none, choices=nothing)).any()


def test_price_only_is_remarked_and_not_dropped(data: ChoiceData, judged: RespondentQuality) -> None:
    assert not cheapest_only(survey(), "price")[FRUGAL]
    assert cheapest_only(data, "price")[FRUGAL]
    assert not cheapest_only(data, "brand")[FRUGAL]
    verdict = next(one for one in judged.verdicts if one.respondent == f"p{FRUGAL:03d}")
    assert verdict.remarks == ("takes the lowest price every time",)
    assert not verdict.dropped


def test_copies_name_the_first() -> None:
    data = survey()
    half = data.take(np.asarray(data.respondent) < 2)
    rows = [half.take(np.asarray(half.respondent) == person) for person in (0, 1)]
    assert (duplicates(half) == -1).all()
    table = {name: [] for name in ("who", "task", "alt", "won", "price", "brand", "size")}
    for who in ("a", "b"):
        one = rows[0]
        table["who"] += [who] * one.rows
        table["task"] += one.task_of_row.tolist()
        table["alt"] += one.alternative.tolist()
        table["won"] += np.isin(np.arange(one.rows), one.chosen).astype(int).tolist()
        for item in one.attributes:
            table[item.name] += item.numbers.tolist()
    both = ChoiceData.from_table(table, respondent="who", task="task", alternative="alt", chosen="won",
                                 attributes=["price", "brand", "size"])  # fmt: skip
    assert duplicates(both).tolist() == [-1, 0]


def test_speed_is_per_task_and_unknown_is_no_speed() -> None:
    seconds: FloatArray = np.array([100.0, 200.0, 30.0, np.nan])
    assert speeders(seconds, np.array([10, 20, 10, 10])).tolist() == [False, False, True, False]


def test_a_time_for_all_parts_of_a_survey_is_held_against_all_its_questions() -> None:
    """Two people take 10 s a question; one answered the choice tasks only, the other 30 further questions too."""
    data = survey().take(np.asarray(survey().respondent) < 4)
    seconds, answered = np.array([100.0, 400.0, 400.0, 400.0]), np.array([10.0, 40.0, 40.0, 40.0])
    slow = check_respondents(data, seconds=seconds, answered=answered)
    assert not any("speed" in verdict.criteria for verdict in slow.verdicts)
    by_task = check_respondents(data, seconds=seconds)  # as if all the time were that of the ten tasks
    assert [verdict.respondent for verdict in by_task.verdicts if "speed" in verdict.criteria] == ["p000"]
    assert speeders(np.array([5.0, 10.0]), np.array([0, 10])).tolist() == [False, False]


def test_few_people_are_judged_by_what_needs_no_population() -> None:
    """A robot that takes one place and hurries is caught among six; the likelihood is not judged, and that is said."""
    data = survey()
    few = data.take(np.isin(np.asarray(data.respondent), [0, 1, 2, 3, 4, PEOPLE + ROBOTS - 1]))
    seconds = np.array([100.0, 110.0, 90.0, 100.0, 120.0, 3.0])
    judged = check_respondents(few, seconds=seconds)
    (verdict,) = judged.dropped
    assert verdict.criteria == ("straight-lining", "speed")
    assert judged.not_judged == (
        "The likelihood of answers was not judged: it takes 25 respondents to know what people want, here are 6.",
    )
    silent = check_respondents(few.take(np.arange(few.tasks) % TASKS < 4))
    assert silent.verdicts == ()
    assert [note.split(" not judged")[0] for note in silent.not_judged] == [
        "The likelihood of answers was",
        "Straight lines and copies were",
        "Speed was",
    ]


def test_answers_of_nobody_are_refused(data: ChoiceData) -> None:
    with pytest.raises(DataError, match="do not say who"):
        check_respondents(replace(data, respondent=None))
    with pytest.raises(DataError, match="one time for each"):
        check_respondents(data, seconds=np.zeros(3))
    with pytest.raises(DataError, match=r"answered: has shape \(2,\).*one number for each"):
        check_respondents(data, answered=np.zeros(2))
