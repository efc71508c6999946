from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from marketfit.brief import Brief, load_brief
from marketfit.demand import MNLResult, model_from_json
from marketfit.engine import Run, start
from marketfit.errors import DataError
from marketfit.records.data import FeedbackBatch
from marketfit.records.market import MarketView
from marketfit.research import research

pytestmark = pytest.mark.usefixtures("short_study")

BATCH = FeedbackBatch(rows=(), thumbs_up=8, thumbs_down=2, slices=(), proposals=(), upto="e1")


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory, put_market: Callable[..., Path]) -> Path:
    """The brief of the market as it stands."""
    return put_market(tmp_path_factory.mktemp("market"))


@pytest.fixture(scope="module")
def estimated(market: Path, short_study: None) -> Iterator[tuple[MarketView, Run]]:  # noqa: ARG001 - while it is estimated
    """The market as it stands, estimated once."""
    brief = load_brief(market)
    with start(brief, workspace=market.parent / "workspace", command="test") as run:
        yield research(brief, None, run=run), run


@pytest.fixture
def few(make_choices: Callable[..., pl.DataFrame]) -> str:
    """Answers of thirty people: enough where the estimate itself is not what is tested."""
    return make_choices(people=30).write_csv()


def test_the_market_view_finds_the_tastes_again(estimated: tuple[MarketView, Run]) -> None:
    view = estimated[0]
    assert view.choice is not None
    assert MarketView.model_validate_json(view.model_dump_json()) == view
    worth = {p.name: p for p in view.choice.part_worths}
    for name, true in (("privacy_on-device", 0.8), ("price_2_to_4", -0.2), ("price_4_to_6", -0.8)):
        assert worth[name].standard_error is not None
        assert abs(worth[name].value - true) < 3 * (worth[name].standard_error or 0)
    assert (view.choice.respondents, view.choice.tasks, view.choice.simulated) == (120, 960, False)
    assert view.choice.log_likelihood > view.choice.log_likelihood_null
    money = {ratio.attribute: ratio for ratio in view.choice.willingness_to_pay}
    assert money["privacy_on-device"].low < 0.8 / 0.5 < money["privacy_on-device"].high
    assert [offer.name for offer in view.competitors] == ["Rival", "Other"]
    assert any(note.startswith("Without our offer") and "n = 120" in note for note in view.notes)


def test_the_stored_model_reads_back_with_the_same_draws(estimated: tuple[MarketView, Run]) -> None:
    view, run = estimated
    assert view.choice is not None
    text = run.workspace.path(view.choice.model).read_text("utf-8")
    model, again = model_from_json(text), model_from_json(text)
    values = tuple(p.value for p in view.choice.part_worths)
    assert tuple(model.coefficients.values()) == values  # bit for bit
    assert isinstance(model, MNLResult)
    errors = tuple(p.standard_error for p in view.choice.part_worths)
    assert errors == tuple(model.standard_errors_of("clustered").values())  # of what decides, not what tables print
    draws = [m.mean_draws(50, np.random.default_rng(1)) for m in (model, again)]
    assert np.array_equal(*draws)


def test_opinions_become_a_consensus(estimated: tuple[MarketView, Run]) -> None:
    view, run = estimated
    opinions = view.opinions
    assert opinions is not None
    assert (opinions.items, opinions.answers, opinions.respondents, opinions.method) == (3, 8, 3, "one-coin")
    table = pl.DataFrame(run.workspace.table(opinions.consensus))
    assert table.columns == ["input", "label", "probability"]
    sums = table.group_by("input").agg(pl.col("probability").sum())
    assert sums["probability"].to_list() == pytest.approx([1.0] * 3)
    best = dict(table.sort("probability").select("input", "label").iter_rows())
    assert best == {"hello": "x", "bye": "y", "later": "y"}
    assert opinions.reliability is not None
    assert pl.DataFrame(run.workspace.table(opinions.reliability))["answers"].to_list() == [3, 3, 2]


def test_everything_may_be_missing(brief: Brief, run: Run) -> None:
    view = research(brief, None, run=run)
    assert (view.choice, view.competitors, view.opinions) == (None, (), None)
    assert [note.split(":")[0] for note in view.notes] == ["No choice survey", "No opinions on single examples"]


def test_thumbs_are_told_as_satisfaction(brief: Brief, run: Run) -> None:
    notes = research(brief, BATCH, run=run).notes
    assert notes[-1].startswith("Satisfaction of users: 80.0% thumbs up (95 % interval 44.4% to 97.5%, n = 10")


def test_feedback_estimates_nothing_again(
    estimated: tuple[MarketView, Run], market: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    view, run = estimated
    monkeypatch.setattr("marketfit.research.step.read_answers", None)
    again = research(load_brief(market), BATCH, run=run)
    assert again.notes[: len(view.notes)] == view.notes
    assert len(again.notes) == len(view.notes) + 1


def test_simulated_answers_are_labelled(write_market: Callable[..., Path], few: str, run: Run) -> None:
    path = write_market(choices=few)
    path.write_text(path.read_text("utf-8").replace("  goal: profit\n", "  goal: profit\n  simulated: true\n"), "utf-8")
    view = research(load_brief(path), None, run=run)
    assert view.notes[0].startswith("SIMULATED")
    assert view.choice is not None
    assert view.opinions is not None
    assert view.choice.simulated
    assert view.opinions.simulated
    assert any("simulated answers" in note for note in view.notes if note.startswith("Without our offer"))


SURVEYS = {
    "kano": "respondent,feature,functional,dysfunctional\np1,x,like,dislike\np2,x,neutral,dislike\n",
    "satisfaction": "respondent,recommend\np1,9\np2,3\n",
    "price-sensitivity": "respondent,too_cheap,cheap,expensive,too_expensive\np1,1,3,5,7\np2,2,4,6,8\n",
    "maxdiff": "respondent,task,item_1,item_2,item_3,best,worst\np1,1,a,b,c,a,b\np1,2,a,b,c,b,c\np1,3,a,b,c,c,a\n",
    "importance": "respondent,attribute,scale,importance,performance\np1,x,5,3,4\np2,x,5,4,4\n",
    "perceptions": "respondent,offer,attribute,scale,rating\np1,A,x,1,1\np1,A,y,1,0\np1,B,x,1,0\np1,B,y,1,1\n",
}


def test_the_surveys_of_the_brief_become_findings(write_market: Callable[..., Path], few: str, run: Run) -> None:
    path = write_market(choices=few, **SURVEYS)
    named = ", ".join(f"{name}: {name}.csv" for name in SURVEYS)
    text = path.read_text("utf-8").replace("  goal: profit\n", f"  goal: profit\n  surveys: {{{named}}}\n")
    path.write_text(text, "utf-8")
    view = research(load_brief(path), None, run=run)
    assert [finding.instrument for finding in view.findings] == [
        "choice",
        "shares",
        "what-if",
        "price-competition",
        "competitors",
        *SURVEYS,
    ]
    assert MarketView.model_validate_json(view.model_dump_json()) == view
    assert not any(finding.simulated for finding in view.findings)
    (path.parent / "kano.csv").write_text(SURVEYS["kano"].replace("like", "love"), "utf-8")
    (path.parent / "maxdiff.csv").write_text(SURVEYS["maxdiff"].replace("p1,1,a", "p1,1,"), "utf-8")
    with pytest.raises(DataError) as error:
        research(load_brief(path), None, run=run)
    assert "kano.csv: column 'functional', row 1: is 'love'" in str(error.value)
    assert "maxdiff.csv: column 'item_1', row 1: is empty" in str(error.value)


def test_problems_of_all_files_come_together(write_market: Callable[..., Path], run: Run) -> None:
    brief = load_brief(
        write_market(
            competitors="offer,accuracy,privacy,price\nA,x,cloud,1\n",
            opinions="item,respondent,label\nhi,a,x\nhi,a,y\n",
            choices="respondent,task,alternative,chosen,accuracy,privacy,price\na,1,1,1,0.8,cloud,2\n",
        )
    )
    with pytest.raises(DataError) as error:
        research(brief, None, run=run)
    told = str(error.value)
    assert all(name in told for name in ("choices.csv", "competitors.csv", "opinions.csv"))


def test_offers_are_held_against_what_was_tested(write_market: Callable[..., Path], run: Run) -> None:
    brief = load_brief(write_market(competitors="offer,accuracy,privacy,price\nA,0.9,on-devise,9\nTINY,0.9,cloud,3\n"))
    with pytest.raises(DataError) as error:
        research(brief, None, run=run)
    told = str(error.value)
    assert "offer 'A', column 'privacy': the survey never showed 'on-devise'; did you mean 'on-device'?" in told
    assert "offer 'TINY': has the name of our own product" in told


def test_our_own_unknown_level_is_refused_and_a_far_price_noted(
    write_market: Callable[..., Path], few: str, run: Run
) -> None:
    path = write_market(choices=few)
    text = path.read_text("utf-8")
    path.write_text(text.replace("[2, 4, 6]", "[2, 4, 9]"), "utf-8")
    notes = research(load_brief(path), None, run=run).notes
    assert "price of our offer is 9, beyond the tested 2 to 6: shares are computed as if it were 6." in notes
    path.write_text(text.replace("offer: on-device", "offer: ondevice"), "utf-8")
    with pytest.raises(
        DataError, match=r"market\.attributes\.privacy: the survey never showed 'ondevice'; did you mean"
    ):
        research(load_brief(path), None, run=run)


def test_a_rate_tested_in_percent_is_refused(
    write_market: Callable[..., Path], make_choices: Callable[..., pl.DataFrame], run: Run
) -> None:
    percent = make_choices().with_columns(accuracy=pl.col("accuracy") * 100).write_csv()
    with pytest.raises(DataError, match="the survey tested 80 to 95, but accuracy is measured from 0 to 1"):
        research(load_brief(write_market(choices=percent)), None, run=run)


def test_a_direction_that_the_answers_contradict_is_held_at_zero(
    write_market: Callable[..., Path], make_choices: Callable[..., pl.DataFrame], run: Run
) -> None:
    opposite = make_choices().with_columns(price=8 - pl.col("price")).write_csv()
    view = research(load_brief(write_market(choices=opposite)), None, run=run)
    assert view.choice is not None
    price = next(p for p in view.choice.part_worths if p.name == "price")
    assert (price.value, price.standard_error) == (0.0, None)
    assert view.choice.willingness_to_pay == ()
    assert any(note.startswith("price is held at 0") for note in view.notes)
    assert any("no dislike of a higher price" in note for note in view.notes)


def test_a_fit_that_cannot_be_told_apart_names_the_file(write_market: Callable[..., Path], run: Run) -> None:
    rows = "respondent,task,alternative,chosen,accuracy,privacy,price\n" + "".join(
        f"p{n},1,1,{n % 2},0.8,cloud,2\np{n},1,2,{1 - n % 2},0.9,on-device,4\n" for n in range(20)
    )
    with pytest.raises(DataError, match=r"choices\.csv: columns .* linearly dependent"):
        research(load_brief(write_market(choices=rows)), None, run=run)


def test_nothing_heavy_is_imported() -> None:
    heavy = "('torch', 'transformers', 'sklearn', 'optuna', 'cleanlab')"
    code = f"import sys, marketfit.research; print([m for m in {heavy} if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
