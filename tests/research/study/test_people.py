"""The people of a choice survey: their table, whose answers count, and for how many."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from marketfit.brief import AttributeSpec, MarketSpec, SurveyFile, load_brief
from marketfit.demand import ChoiceData
from marketfit.demand.models.hierarchical.result import PEOPLE
from marketfit.engine import Run
from marketfit.errors import DataError
from marketfit.measure.tastes import DRAWS, draws_of
from marketfit.records.base import sha256_file
from marketfit.research import research
from marketfit.research.instruments.choice import Choice
from marketfit.research.study.estimate import estimate_study
from marketfit.research.study.people import count_people, names_of, read_people

pytestmark = pytest.mark.usefixtures("short_study")

ATTRIBUTES = {"price": AttributeSpec(offer=(1.0,), better="lower")}


def market(**options: object) -> MarketSpec:
    given = {"attributes": ATTRIBUTES, "drop_careless": False, "respondents": __file__}
    return MarketSpec.model_validate({**given, **options})


def people_file(folder: Path, rows: list[tuple[str | None, str | None, str | None]]) -> SurveyFile:
    path = folder / "people.csv"
    pl.DataFrame(rows, schema=["who", "age", "seconds"], orient="row").write_csv(path)
    return SurveyFile(source=path, columns={"respondent": "who"})


def choices(people: int = 40, robots: int = 0) -> ChoiceData:
    """People who mind the price, then robots that always take the first place."""
    rng = np.random.default_rng(0)
    rows = []
    for person in range(people + robots):
        for task in range(10):
            price = rng.permutation([1.0, 2.0, 3.0])
            won = int(np.argmax(-1.5 * price + rng.gumbel(size=3))) if person < people else 0
            rows += [(f"p{person:02d}", task, str(k), int(k == won), price[k]) for k in range(3)]
    table = pl.DataFrame(rows, schema=["who", "task", "alt", "won", "price"], orient="row")
    return ChoiceData.from_table(
        table, respondent="who", task="task", alternative="alt", chosen="won", attributes=["price"]
    )


def test_answers_are_weighted_to_the_known_shares_of_the_market(tmp_path: Path, run: Run) -> None:
    data = choices()
    ages = ["young"] * 30 + ["old"] * 10
    file = people_file(tmp_path, [(name, age, None) for name, age in zip(names_of(data), ages, strict=True)])
    wanted = market(population={"age": {"young": 0.5, "old": 0.5}})
    counted = count_people(data, read_people(file, wanted), wanted, run=run)
    old = np.repeat(np.array(ages) == "old", 10)
    assert counted.data.weights[old].sum() == pytest.approx(counted.data.weights[~old].sum())
    assert counted.data.weights.mean() == pytest.approx(1.0)
    assert any("Kish" in note for note in counted.notes)


def test_weights_of_the_survey_file_count_and_raking_starts_from_them(tmp_path: Path, run: Run) -> None:
    data = choices()
    mine = np.repeat(np.linspace(100.0, 300.0, 40), 10)  # how many people each stands for
    counted = count_people(replace(data, weights=mine), None, market(), run=run)
    np.testing.assert_allclose(counted.data.weights, mine / mine.mean())
    assert any("as the survey file gives them" in note for note in counted.notes)
    ages = ["young"] * 30 + ["old"] * 10
    file = people_file(tmp_path, [(name, age, None) for name, age in zip(names_of(data), ages, strict=True)])
    wanted = market(population={"age": {"young": 0.5, "old": 0.5}})
    raked = count_people(replace(data, weights=mine), read_people(file, wanted), wanted, run=run).data.weights
    old = np.repeat(np.array(ages) == "old", 10)
    assert raked[old].sum() == pytest.approx(raked[~old].sum())
    np.testing.assert_allclose(raked[old] / raked[old][0], mine[old] / mine[old][0])


def test_a_weight_column_of_the_choices_is_read(tmp_path: Path) -> None:
    lines = ["respondent,task,alternative,chosen,price,weight"]
    lines += [
        f"{who},{task},{alt},{int(alt == 'a')},{price},{weight}"
        for who, weight in (("ann", 2), ("bob", 0.5))
        for task in (1, 2)
        for alt, price in (("a", task), ("b", 3))
    ]
    path = tmp_path / "choices.csv"
    path.write_text("\n".join(lines))
    answers = Choice().read(SurveyFile(source=path), market(respondents=None))
    assert answers.data.weights.tolist() == [2, 2, 0.5, 0.5]
    assert answers.unused == ()
    path.write_text("\n".join([*lines[:-2], *(line.replace(",0.5", ",0") for line in lines[-2:])]))
    with pytest.raises(DataError) as caught:
        Choice().read(SurveyFile(source=path), market(respondents=None))
    assert "column 'weight'" in str(caught.value)


def test_a_person_that_the_table_does_not_have_is_named(tmp_path: Path, run: Run) -> None:
    data = choices()
    file = people_file(tmp_path, [(name, "old", None) for name in names_of(data)[1:]])
    wanted = market(population={"age": {"old": 1.0}})
    with pytest.raises(DataError, match="not known"):
        count_people(data, read_people(file, wanted), wanted, run=run)


def test_careless_people_are_left_out_and_told(tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("marketfit.demand.respondents.consistency.ITERATIONS", 200)
    data = choices(40, 6)
    file = people_file(tmp_path, [(name, "old", "300" if name < "p40" else "20") for name in names_of(data)])
    wanted = market(drop_careless=True)
    counted = count_people(data, read_people(file, wanted), wanted, run=run)
    dropped = {verdict.respondent for verdict in counted.dropped}
    assert {f"p{n}" for n in range(40, 46)} <= dropped
    assert counted.data.respondents == data.respondents - len(dropped)
    assert any("straight-lining" in v.criteria and "speed" in v.criteria for v in counted.dropped)


def test_of_few_people_it_is_said_what_was_not_judged(run: Run) -> None:
    data = choices(10, 6)
    counted = count_people(data, None, market(drop_careless=True), run=run)
    assert counted.data is data
    assert [verdict.respondent for verdict in counted.verdicts if verdict.criteria] == [f"p{n}" for n in range(10, 16)]
    assert counted.notes == (
        f"Respondents: 0 of 16 left out for two reasons or more, each listed; {len(counted.verdicts)} more have one "
        "reason or a remark, and count.",
        "The likelihood of answers was not judged: it takes 25 respondents to know what people want, here are 16.",
        "Speed was not judged: no times are known.",
    )


def test_where_most_look_careless_nobody_goes_and_all_are_named(tmp_path: Path, run: Run) -> None:
    data = choices(4, 4)
    file = people_file(tmp_path, [(name, "old", "300" if name < "p04" else "20") for name in names_of(data)])
    wanted = market(drop_careless=True)
    counted = count_people(data, read_people(file, wanted), wanted, run=run)
    assert counted.data is data
    assert "4 of 8 respondents look careless (p04, p05, p06, p07): too many" in counted.notes[0]


def test_the_pace_counts_the_questions_of_all_parts(tmp_path: Path, run: Run) -> None:
    """Our own `survey read` writes the seconds of all questions and how many were answered: robots p10 to p13 hurry."""
    data, path = choices(10, 4), tmp_path / "respondents.csv"
    rows = [(name, 300.0, 30) if name < "p05" else (name, 100.0, 10) for name in names_of(data)]
    rows[10:] = [(name, 60.0, 30) for name in names_of(data)[10:]]
    pl.DataFrame(rows, schema=["respondent", "seconds", "answered"], orient="row").write_csv(path)
    wanted = market(drop_careless=True)
    counted = count_people(data, read_people(SurveyFile(source=path), wanted), wanted, run=run)
    assert [verdict.respondent for verdict in counted.dropped] == ["p10", "p11", "p12", "p13"]


def test_numbers_stay_numbers_and_bookkeeping_is_nothing_known_of_people(tmp_path: Path) -> None:
    path = tmp_path / "respondents.csv"
    header = "respondent,external_id,started,finished,seconds,answered,complete,age,zip,plan,tier\n"
    path.write_text(header + "r1,,x,y,9,3,1,41,0815,pro,1\nr2,7,x,,8,2,0,,12 a,free,2\n", "utf-8")
    people = read_people(SurveyFile(source=path), market(population={"tier": {"1": 0.5, "2": 0.5}}))
    assert people.columns == ("age", "zip", "plan", "tier")
    assert people.of(["r1", "r2", "r3"], "age") == [41.0, None, None]
    assert people.of(["r1", "r2"], "zip") == ["0815", "12 a"]
    assert people.of(["r2"], "tier") == ["2"]  # a variable of the population is a name
    typed = tmp_path / "respondents.parquet"
    pl.DataFrame({"respondent": ["r1"], "code": ["1"], "age": [41]}).write_parquet(typed)
    people = read_people(SurveyFile(source=typed), market())
    assert (people.of(["r1"], "code"), people.of(["r1"], "age")) == (["1"], [41.0])


def test_mistakes_in_the_table_come_at_once(tmp_path: Path) -> None:
    file = people_file(tmp_path, [("a", "x", "ten"), ("a", "y", "1"), (None, "y", "1")])
    with pytest.raises(DataError) as error:
        read_people(file, market(population={"agee": {"x": 1.0}}))
    told = str(error.value)
    for said in (
        "did you mean 'age'?",
        "'ten' is no number",
        "row 2: the respondent is there already",
        "column 'who', row 3",
    ):
        assert said in told


def test_weights_reach_the_shares(
    write_market: Callable[..., Path], make_choices: Callable[..., pl.DataFrame], run: Run
) -> None:
    """The study of a brief with `population` says what it was weighted to, and its part-worths move."""
    path = write_market(choices=make_choices(people=40).write_csv())
    people = [f"{n}" for n in pl.read_csv(path.parent / "choices.csv")["respondent"].unique().sort()]
    table = pl.DataFrame({"respondent": people, "age": ["a" if n % 3 else "b" for n in range(len(people))]})
    table.write_csv(path.parent / "people.csv")
    plain = research(load_brief(path), None, run=run).choice
    more = "  respondents: people.csv\n  population: {age: {a: 0.2, b: 0.8}}\n  goal: profit\n"
    path.write_text(path.read_text("utf-8").replace("  goal: profit\n", more), "utf-8")
    weighted = research(load_brief(path), None, run=run).choice
    assert plain is not None
    assert weighted is not None
    assert weighted.provenance.weighted_to == ("age",)
    assert set(weighted.provenance.files) == {"choices.csv", "people.csv"}
    assert [p.value for p in weighted.part_worths] != [p.value for p in plain.part_worths]


def test_files_of_one_name_are_told_apart(
    write_market: Callable[..., Path], make_choices: Callable[..., pl.DataFrame], run: Run
) -> None:
    """The provenance has a digest for each of them."""
    path = write_market(choices=make_choices(people=20).write_csv())
    table = pl.read_csv(path.parent / "choices.csv")
    for folder, content in (("answers", table), ("panel", table.select("respondent").unique().sort("respondent"))):
        (path.parent / folder).mkdir()
        content.write_csv(path.parent / folder / "data.csv")
    text = path.read_text("utf-8").replace("choices.csv", "answers/data.csv")
    path.write_text(text.replace("  goal: profit\n", "  respondents: panel/data.csv\n  goal: profit\n"), "utf-8")
    study = research(load_brief(path), None, run=run).choice
    assert study is not None
    assert study.provenance.files == {
        name: sha256_file(path.parent / name) for name in ("answers/data.csv", "panel/data.csv")
    }


def test_everybody_who_stands_for_the_market_counts(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A part of the people of a draw is a random sample of them: its noise would widen every interval."""
    monkeypatch.setattr("marketfit.research.study.model.ITERATIONS", (800, 2400))
    monkeypatch.setattr("marketfit.research.study.model.TRYING", 100)
    wanted = market(model="hierarchical-bayes", respondents=None)
    study = estimate_study(choices(), None, wanted, run=run).study
    assert study.kind == "hierarchical-bayes"
    assert draws_of(study, run.workspace).values.shape[:2] == (DRAWS, PEOPLE)
