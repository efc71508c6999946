"""The plan, the budget, resuming, failures, finalists."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from marketfit.brief import Brief
from marketfit.engine import Run
from marketfit.errors import BriefError, Problem, RunError
from marketfit.records.data import Dataset
from marketfit.records.market import MarketView, Opinions
from marketfit.records.models import Backbone, Recipe, Shortlist, Tuned
from marketfit.task import Labelled
from marketfit.testing.fakes import FakeTrainer
from marketfit.tune import tune


class Killed(BaseException):
    """A kill -9 as far as the step can tell: nothing may catch it."""


EMPTY = MarketView(choice=None, competitors=(), opinions=None, notes=())


@dataclass(frozen=True)
class Study:
    """What every test tunes."""

    make_brief: Callable[..., Brief]
    dataset: Dataset
    models: Shortlist
    run: Run
    trainer: FakeTrainer

    def tune(self, market: MarketView = EMPTY, *, run: Run | None = None, **options: float | str) -> Tuned:
        return tune(self.make_brief(**options), self.dataset, self.models, market, run=run or self.run)


@pytest.fixture
def study(
    make_brief: Callable[..., Brief], dataset: Dataset, models: Shortlist, run: Run, trainer: FakeTrainer
) -> Study:
    return Study(make_brief, dataset, models, run, trainer)


def test_the_plan_in_its_order(study: Study) -> None:
    tuned = study.tune(trials=9)
    arms = [(trial.backbone.name, trial.recipe.method) for trial in tuned.trials]
    assert arms[:7] == [
        ("big", "probe"), ("small", "probe"), ("static", "probe"), ("big", "full"), ("small", "full"),
        ("static", "full"), ("big", "lora"),
    ]  # fmt: skip
    assert len(tuned.trials) == 9
    assert [trial.number for trial in tuned.trials] == list(range(9))
    by_number = {trial.number: trial for trial in tuned.trials}
    best = by_number[tuned.finalists[0]]
    assert best.recipe.method == "full"
    assert best.backbone.name == "big"
    assert {by_number[number].backbone.name for number in tuned.finalists} == {"big", "small", "static"}
    assert best.accuracy == max(trial.accuracy or 0 for trial in tuned.trials)


def test_features_of_each_backbone_are_computed_once(study: Study) -> None:
    study.tune(trials=7)
    assert study.trainer.embedded == 3
    for (name, *_), train in zip(study.trainer.calls, study.trainer.trained_on, strict=True):
        assert train.features is not None
        assert train.features.shape == (60, 2)
        assert train.features[0, 0] == len(name)


@pytest.mark.parametrize("killed_at", [0, 1, 4, 7, 10])
def test_a_killed_search_ends_like_an_undisturbed_one(study: Study, killed_at: int, tmp_path: Path) -> None:
    from marketfit.engine import start

    undisturbed = study.tune(trials=11)

    with start(study.make_brief(trials=11), workspace=tmp_path / "second", command="test") as other:
        for blob in (study.dataset.rows, study.dataset.features):
            other.workspace.put_bytes(study.run.workspace.path(blob).read_bytes(), suffix=blob.suffix)
        study.trainer.calls.clear()
        study.trainer.fail = lambda *_: Killed() if len(study.trainer.calls) > killed_at else None
        with pytest.raises(Killed):
            study.tune(trials=11, run=other)
        assert len(study.trainer.calls) == killed_at + 1
        study.trainer.fail = lambda *_: None
        resumed = study.tune(trials=11, run=other)
    assert len(study.trainer.calls) == 11 + 1  # the killed one twice, no finished one again
    assert resumed.finalists == undisturbed.finalists
    strip = {"model", "fit", "probabilities"}
    assert [t.model_dump(exclude=strip) for t in resumed.trials] == [
        t.model_dump(exclude=strip) for t in undisturbed.trials
    ]


def test_the_search_varies_recipes_and_depends_on_the_seed(study: Study) -> None:
    first = study.tune(trials=12)
    proposed = [trial.recipe for trial in first.trials[7:]]
    assert len({recipe.digest() for recipe in proposed}) == 5
    assert all(recipe.method != "probe" for recipe in proposed)


def test_failures_are_results(study: Study) -> None:
    broken = RuntimeError("out of  memory\n")
    study.trainer.fail = lambda _backbone, recipe: broken if recipe.method == "lora" else None
    tuned = study.tune(trials=7)
    failed = [trial for trial in tuned.trials if trial.status == "failed"]
    assert [(trial.recipe.method, trial.reason, trial.model) for trial in failed] == [
        ("lora", "RuntimeError: out of memory", None)
    ]
    calls = len(study.trainer.calls)
    again = study.tune(trials=8)
    assert len(study.trainer.calls) == calls + 1
    assert again.trials[:7] == tuned.trials


def test_no_success_fails_loudly_with_every_reason(study: Study) -> None:
    study.trainer.fail = lambda backbone, recipe: ValueError(f"{backbone.name} {recipe.method} is broken")
    with pytest.raises(RunError) as caught:
        study.tune(trials=7)
    for name in ("big probe", "small full", "static probe", "big lora"):
        assert f"{name} is broken" in str(caught.value)


def test_input_errors_and_interrupts_pass_through(study: Study) -> None:
    for error in (BriefError([Problem("x", "y", "", "z")]), KeyboardInterrupt(), SystemExit(3)):
        study.trainer.fail = lambda *_, error=error: error
        with pytest.raises(type(error)):
            study.tune(trials=3)
    assert study.run.ledger.trials("anything") == ()


def test_minutes_are_spent_in_estimated_seconds(study: Study) -> None:
    # 20 epochs: 200 s for big, 20 for small, 60 for static (3 × 20 epochs)
    study.trainer.seconds = {"big": 10.0, "small": 1.0, "static": 1.0}
    tuned = study.tune(minutes=3.0)
    full = [trial.backbone.name for trial in tuned.trials if trial.recipe.method == "full"]
    assert full[:2] == ["small", "static"]
    assert "big" not in full
    assert any("Skipped trial 3 (full fine-tuning of big)" in note for note in tuned.plan)
    study.tune(minutes=4.0)
    assert len(set(study.trainer.estimates)) == len(study.trainer.estimates)  # each is made and recorded once


def test_room_is_kept_for_one_full_fine_tuning(study: Study) -> None:
    tuned = study.tune(trials=1)
    assert [(t.number, t.recipe.method, t.backbone.name) for t in tuned.trials] == [(3, "full", "big")]
    tuned = study.tune(trials=3)
    assert [(t.recipe.method, t.backbone.name) for t in tuned.trials] == [
        ("probe", "big"), ("probe", "small"), ("full", "big"),
    ]  # fmt: skip
    assert sum(call[1] == "full" for call in study.trainer.calls) == 1


def test_probes_only_where_nothing_else_fits(study: Study) -> None:
    study.trainer.seconds = {"big": 100.0, "small": 50.0, "static": 20.0}
    tuned = study.tune(minutes=0.5, trials=6)
    assert {trial.recipe.method for trial in tuned.trials} == {"probe"}
    assert any("No full fine-tuning fits" in note for note in tuned.plan)


def test_a_training_that_does_not_fit_is_cut_to_the_passes_that_do(study: Study) -> None:
    """Also where that of the static model fits as a whole; with more minutes the whole one is a trial of its own."""
    study.trainer.seconds = {"big": 10.0, "small": 4.0, "static": 0.1}
    tuned = study.tune(minutes=0.5, trials=6)
    full = [trial for trial in tuned.trials if trial.recipe.method == "full"]
    (cut,) = [trial for trial in full if trial.backbone.name == "small"]
    # 30 seconds, less 3 for loading and 4.4 for scoring 200 valid rows, at 4 a pass.
    assert cut.recipe.epochs == 5
    assert any("is cut from 20 passes to 5" in note for note in tuned.plan)
    assert "big" not in {trial.backbone.name for trial in full}
    calls = len(study.trainer.calls)
    again = study.tune(minutes=0.5, trials=6)
    assert again.trials == tuned.trials
    assert len(study.trainer.calls) == calls
    more = study.tune(minutes=2.0, trials=5)
    (whole,) = [trial for trial in more.trials if trial.backbone.name == "small" and trial.recipe.method == "full"]
    assert whole.recipe.epochs == 20
    assert whole.number != cut.number


def test_an_estimate_that_fails_is_a_failed_trial(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(backbone: Backbone, _recipe: Recipe, _train: Labelled, *, base: Path) -> float:
        assert base
        if backbone.name == "big":
            raise RuntimeError("no such layer")
        return 0.01

    monkeypatch.setattr(study.trainer, "seconds_per_epoch", broken)
    tuned = study.tune(trials=7)
    failed = [(t.backbone.name, t.recipe.method, t.reason) for t in tuned.trials if t.status == "failed"]
    assert failed == [("big", "full", "RuntimeError: no such layer"), ("big", "lora", "RuntimeError: no such layer")]


def _view(run: Run, said: list[tuple[str, str, float]]) -> MarketView:
    import pyarrow as pa

    table = pa.table(
        {"input": [s[0] for s in said], "label": [s[1] for s in said], "probability": [s[2] for s in said]}
    )
    opinions = Opinions(
        consensus=run.workspace.put_table(table), items=len(said), answers=9, respondents=3, unreliable=(),
        mean_reliability=0.9, simulated=True,
    )  # fmt: skip
    return EMPTY.model_copy(update={"opinions": opinions})


def test_opinions_reach_training_rows_only(study: Study) -> None:
    # rows 0 and 1 are training rows, row 100 is a valid one, "nowhere" is in no split
    said = [("a  0", "a", 0.75), ("a  0", "b", 0.25), ("b 1", "c", 0.5), ("b 1", "zzz", 0.5)]
    said += [(f"{'abc'[100 % 3]} 100", "a", 1.0), ("nowhere", "a", 1.0)]
    tuned = study.tune(_view(study.run, said), trials=2, extra="objective: {survey: 0.5}")
    consensus = study.trainer.trained_on[0].consensus
    assert consensus.shape == (60, 3)
    np.testing.assert_allclose(consensus[0], [0.75, 0.25, 0])
    np.testing.assert_allclose(consensus[1], [0, 0, 1])
    assert consensus[2:].sum() == 0
    (term,) = study.trainer.calls[0][2].terms
    assert (term.name, term.weight, dict(term.options)) == ("survey", 0.5, {"sign": "supportive"})
    assert any("2 of 60 training rows were asked about; 2 of 4 items" in note for note in tuned.plan)


def test_no_survey_term_without_weight_or_matches(study: Study) -> None:
    study.tune(_view(study.run, [("a 0", "a", 1.0)]), trials=1, extra="objective: {survey: 0}")
    study.tune(_view(study.run, [("nowhere", "a", 1.0)]), trials=1)
    assert [call[2].terms for call in study.trainer.calls] == [(), ()]
    assert [train.consensus for train in study.trainer.trained_on] == [None, None]


def test_fitted_consensus_takes_tau(study: Study) -> None:
    extra = "objective: {survey: 0.5, fit: true, tau: 2}"
    study.tune(_view(study.run, [("a 0", "a", 1.0)]), trials=1, extra=extra)
    assert dict(study.trainer.calls[0][2].terms[0].options) == {"sign": "supportive", "fit": True, "tau": 2.0}


def test_beats_is_said_only_when_proved(study: Study) -> None:
    tuned = study.tune(trials=7)
    numbers = {(t.backbone.name, t.recipe.method): t.number for t in tuned.trials}
    probe = numbers["big", "probe"]
    (line,) = [x for x in tuned.comparisons if f"Trial {probe}, probe" in x]
    assert " beats " in line  # 90 % against 60 % on 200 rows
    (line,) = [x for x in tuned.comparisons if "of big, " in x and "of small, accuracy" in x.replace(",:", ",")] or [
        x
        for x in tuned.comparisons
        if f"Trial {numbers['small', 'full']}," in x and f"Trial {numbers['big', 'full']}," in x
    ]
    assert " is not distinguishable from " in line  # 90 % against 88 %


def test_the_ranking_metric_follows_the_brief(study: Study) -> None:
    tuned = study.tune(trials=2, extra='require: {size_mb: "<= 9", macro_f1: ">= 0.1"}')
    assert "ranked by macro_f1" in tuned.plan[0]
