"""The plan, the budget, resuming, failures, finalists."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from marketfit.brief import Brief
from marketfit.engine import Run
from marketfit.errors import BriefError, Problem, RunError
from marketfit.records import Dataset, MarketView, Opinions, Shortlist
from marketfit.tune import tune


class Killed(BaseException):
    """A kill -9 as far as the step can tell: nothing may catch it."""


EMPTY = MarketView(choice=None, competitors=(), opinions=None, notes=())
MakeBrief = Callable[..., Brief]


def test_the_plan_in_its_order(make_brief: MakeBrief, dataset: Dataset, models: Shortlist, run: Run, trainer) -> None:
    tuned = tune(make_brief(trials=9), dataset, models, EMPTY, run=run)
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


def test_features_of_each_backbone_are_computed_once(make_brief, dataset, models, run, trainer) -> None:
    tune(make_brief(trials=7), dataset, models, EMPTY, run=run)
    assert trainer.embedded == 3
    for (name, *_), train in zip(trainer.calls, trainer.trained_on, strict=True):
        assert train.features is not None
        assert train.features.shape == (60, 2)
        assert train.features[0, 0] == len(name)


@pytest.mark.parametrize("killed_at", [0, 1, 4, 7, 10])
def test_a_killed_search_ends_like_an_undisturbed_one(
    make_brief, dataset, models, run, trainer, killed_at, tmp_path, monkeypatch
) -> None:
    from marketfit.engine import start

    brief = make_brief(trials=11)
    undisturbed = tune(brief, dataset, models, EMPTY, run=run)

    with start(brief, workspace=tmp_path / "second", command="test") as other:
        for blob in (dataset.rows, dataset.features):
            other.workspace.put_bytes(run.workspace.path(blob).read_bytes(), suffix=blob.suffix)
        trainer.calls.clear()
        trainer.fail = lambda *_: Killed() if len(trainer.calls) > killed_at else None
        with pytest.raises(Killed):
            tune(brief, dataset, models, EMPTY, run=other)
        assert len(trainer.calls) == killed_at + 1
        trainer.fail = lambda *_: None
        resumed = tune(brief, dataset, models, EMPTY, run=other)
    assert len(trainer.calls) == 11 + 1  # the killed one twice, no finished one again
    assert resumed.finalists == undisturbed.finalists
    strip = {"model", "fit", "probabilities"}
    assert [t.model_dump(exclude=strip) for t in resumed.trials] == [
        t.model_dump(exclude=strip) for t in undisturbed.trials
    ]


def test_the_search_varies_recipes_and_depends_on_the_seed(make_brief, dataset, models, run, trainer) -> None:
    first = tune(make_brief(trials=12), dataset, models, EMPTY, run=run)
    proposed = [trial.recipe for trial in first.trials[7:]]
    assert len({recipe.digest() for recipe in proposed}) == 5
    assert all(recipe.method != "probe" for recipe in proposed)


def test_failures_are_results(make_brief, dataset, models, run, trainer) -> None:
    trainer.fail = lambda backbone, recipe: RuntimeError("out of  memory\n") if recipe.method == "lora" else None
    tuned = tune(make_brief(trials=7), dataset, models, EMPTY, run=run)
    failed = [trial for trial in tuned.trials if trial.status == "failed"]
    assert [(trial.recipe.method, trial.reason, trial.model) for trial in failed] == [
        ("lora", "RuntimeError: out of memory", None)
    ]
    calls = len(trainer.calls)
    again = tune(make_brief(trials=8), dataset, models, EMPTY, run=run)
    assert len(trainer.calls) == calls + 1
    assert again.trials[:7] == tuned.trials


def test_no_success_fails_loudly_with_every_reason(make_brief, dataset, models, run, trainer) -> None:
    trainer.fail = lambda backbone, recipe: ValueError(f"{backbone.name} {recipe.method} is broken")
    with pytest.raises(RunError) as caught:
        tune(make_brief(trials=7), dataset, models, EMPTY, run=run)
    for name in ("big probe", "small full", "static probe", "big lora"):
        assert f"{name} is broken" in str(caught.value)


def test_input_errors_and_interrupts_pass_through(make_brief, dataset, models, run, trainer) -> None:
    for error in (BriefError([Problem("x", "y", "", "z")]), KeyboardInterrupt(), SystemExit(3)):
        trainer.fail = lambda *_, error=error: error
        with pytest.raises(type(error)):
            tune(make_brief(trials=3), dataset, models, EMPTY, run=run)
    assert run.ledger.trials("anything") == ()


def test_minutes_are_spent_in_estimated_seconds(make_brief, dataset, models, run, trainer) -> None:
    # 40 epochs: 400 s for big, 40 for small, 120 for static (3 × 40 epochs)
    trainer.seconds = {"big": 10.0, "small": 1.0, "static": 1.0}
    tuned = tune(make_brief(minutes=3.0), dataset, models, EMPTY, run=run)
    full = [trial.backbone.name for trial in tuned.trials if trial.recipe.method == "full"]
    assert full[:2] == ["small", "static"]
    assert "big" not in full
    assert any("Skipped trial 3 (full fine-tuning of big)" in note for note in tuned.plan)
    tune(make_brief(minutes=4.0), dataset, models, EMPTY, run=run)
    assert len(set(trainer.estimates)) == len(trainer.estimates)  # each is made and recorded once


def test_room_is_kept_for_one_full_fine_tuning(make_brief, dataset, models, run, trainer) -> None:
    tuned = tune(make_brief(trials=1), dataset, models, EMPTY, run=run)
    assert [(t.number, t.recipe.method, t.backbone.name) for t in tuned.trials] == [(3, "full", "big")]
    tuned = tune(make_brief(trials=3), dataset, models, EMPTY, run=run)
    assert [(t.recipe.method, t.backbone.name) for t in tuned.trials] == [
        ("probe", "big"), ("probe", "small"), ("full", "big"),
    ]  # fmt: skip
    assert sum(call[1] == "full" for call in trainer.calls) == 1


def test_probes_only_where_nothing_else_fits(make_brief, dataset, models, run, trainer) -> None:
    trainer.seconds = {"big": 100.0, "small": 50.0, "static": 20.0}
    tuned = tune(make_brief(minutes=0.5, trials=6), dataset, models, EMPTY, run=run)
    assert {trial.recipe.method for trial in tuned.trials} == {"probe"}
    assert any("No full fine-tuning fits" in note for note in tuned.plan)


def test_an_estimate_that_fails_is_a_failed_trial(make_brief, dataset, models, run, trainer, monkeypatch) -> None:
    def broken(backbone, recipe, train, *, base):
        if backbone.name == "big":
            raise RuntimeError("no such layer")
        return 0.01

    monkeypatch.setattr(trainer, "seconds_per_epoch", broken)
    tuned = tune(make_brief(trials=7), dataset, models, EMPTY, run=run)
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


def test_opinions_reach_training_rows_only(make_brief, dataset, models, run, trainer) -> None:
    # rows 0 and 1 are training rows, row 100 is a valid one, "nowhere" is in no split
    said = [("a  0", "a", 0.75), ("a  0", "b", 0.25), ("b 1", "c", 0.5), ("b 1", "zzz", 0.5)]
    said += [(f"{'abc'[100 % 3]} 100", "a", 1.0), ("nowhere", "a", 1.0)]
    tuned = tune(make_brief(trials=2, extra="objective: {survey: 0.5}"), dataset, models, _view(run, said), run=run)
    consensus = trainer.trained_on[0].consensus
    assert consensus.shape == (60, 3)
    np.testing.assert_allclose(consensus[0], [0.75, 0.25, 0])
    np.testing.assert_allclose(consensus[1], [0, 0, 1])
    assert consensus[2:].sum() == 0
    (term,) = trainer.calls[0][2].terms
    assert (term.name, term.weight, dict(term.options)) == ("survey", 0.5, {"sign": "supportive"})
    assert any("2 of 60 training rows were asked about; 2 of 4 items" in note for note in tuned.plan)


def test_no_survey_term_without_weight_or_matches(make_brief, dataset, models, run, trainer) -> None:
    tune(
        make_brief(trials=1, extra="objective: {survey: 0}"), dataset, models, _view(run, [("a 0", "a", 1.0)]), run=run
    )
    tune(make_brief(trials=1), dataset, models, _view(run, [("nowhere", "a", 1.0)]), run=run)
    assert [call[2].terms for call in trainer.calls] == [(), ()]
    assert [train.consensus for train in trainer.trained_on] == [None, None]


def test_fitted_consensus_takes_tau(make_brief, dataset, models, run, trainer) -> None:
    extra = "objective: {survey: 0.5, fit: true, tau: 2}"
    tune(make_brief(trials=1, extra=extra), dataset, models, _view(run, [("a 0", "a", 1.0)]), run=run)
    assert dict(trainer.calls[0][2].terms[0].options) == {"sign": "supportive", "fit": True, "tau": 2.0}


def test_beats_is_said_only_when_proved(make_brief, dataset, models, run, trainer) -> None:
    tuned = tune(make_brief(trials=7), dataset, models, EMPTY, run=run)
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


def test_the_ranking_metric_follows_the_brief(make_brief, dataset, models, run, trainer) -> None:
    tuned = tune(
        make_brief(trials=2, extra='require: {size_mb: "<= 9", macro_f1: ">= 0.1"}'), dataset, models, EMPTY, run=run
    )
    assert "ranked by macro_f1" in tuned.plan[0]
