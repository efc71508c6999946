"""What users said becomes rows, slices and proposals: the same ones every time."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from marketfit.brief import Brief, load_brief
from marketfit.bundle import Bundle
from marketfit.engine import Run, start
from marketfit.ledger import Ledger
from marketfit.ledger.feedback import FeedbackItem, read_feedback
from marketfit.ledger.traffic import Answer, prediction_events
from marketfit.listen import listen, replay
from marketfit.records.data import FeedbackBatch

Traffic = Callable[..., tuple[list[str], list[str]]]
LABELS = [f"l{number}" for number in range(10)]
KINDS = ("prediction", "feedback", "truth", "erasure", "decision")


@pytest.fixture
def brief(write_brief: Callable[..., Path]) -> Brief:
    return load_brief(write_brief())


@pytest.fixture
def running(brief: Brief, root: Path) -> Iterator[Run]:
    with start(brief, workspace=root, command="improve") as run:
        yield run


def hear(brief: Brief, run: Run) -> FeedbackBatch:
    return listen(brief, run.ledger.newest("tiny", kinds=KINDS), run=run)


def say(ledger: Ledger, *items: FeedbackItem) -> list[str]:
    reading = read_feedback(
        {str(n): item for n, item in enumerate(items)}, ledger=ledger, product="tiny", labels=LABELS
    )
    assert reading.problems == []
    ledger.append(reading.events)
    return [event.id for event in reading.events]


def predict(ledger: Ledger, bundle: Bundle, *texts: str, audited: bool = False) -> list[str]:
    answers = [
        Answer(input=text, label=one.label, score=one.score, abstain=one.abstain)
        for text, one in zip(texts, bundle.predict(texts), strict=True)
    ]
    events = prediction_events(answers, product="tiny", bundle=bundle.digest or "", lottery=lambda: audited)
    ledger.append(events)
    return [event.id for event in events]


def test_nothing_said_is_nothing_learnt(brief: Brief, running: Run) -> None:
    batch = hear(brief, running)
    assert batch == FeedbackBatch(rows=(), thumbs_up=0, thumbs_down=0, slices=(), proposals=(), upto="")


def test_the_last_word_on_a_prediction_counts(brief: Brief, running: Run, champion: Bundle) -> None:
    one, two, three = predict(running.ledger, champion, "w1 a", "w2 b", "w30 c")
    said = say(
        running.ledger,
        FeedbackItem(prediction=one, label="l5"),
        FeedbackItem(prediction=two, thumb="up"),
        FeedbackItem(prediction=one, label="l1"),
        FeedbackItem(prediction=two, thumb="down"),
        FeedbackItem(input="brand new", label="l9"),
        FeedbackItem(prediction=three, thumb="up"),
    )
    batch = hear(brief, running)
    assert [(row.input, row.label, row.origin, row.event) for row in batch.rows] == [
        ("w1 a", "l1", "correction", said[2]),
        ("brand new", "l9", "example", said[4]),
    ]
    assert (batch.thumbs_up, batch.thumbs_down, batch.upto) == (1, 1, said[-1])
    assert "satisfaction: 1 of 2 (50 %, 95 % interval 1 to 99 %)" in batch.proposals[0]


def test_users_who_disagree_teach_nothing_and_are_reported(brief: Brief, running: Run, champion: Bundle) -> None:
    ids = predict(running.ledger, champion, "same  text", "w3")
    say(
        running.ledger,
        FeedbackItem(prediction=ids[0], label="l5"),
        FeedbackItem(input="same text ", label="l6"),
        FeedbackItem(prediction=ids[1], label="l3"),
        FeedbackItem(input="w3", label="l3"),
    )
    batch = hear(brief, running)
    assert [row.label for row in batch.rows] == ["l3", "l3"]
    assert "2 rows are left out: users give 1 examples different labels" in batch.proposals
    assert "decide what 'same text' is: l5 or l6" in batch.proposals


def test_audited_predictions_are_never_trained_on(brief: Brief, running: Run, champion: Bundle) -> None:
    free = predict(running.ledger, champion, "w1")[0]
    drawn = predict(running.ledger, champion, "w2", "w30", audited=True)
    say(
        running.ledger,
        *(FeedbackItem(prediction=one, label="l2") for one in (free, drawn[0])),
        FeedbackItem(prediction=drawn[0], truth="l2"),
        FeedbackItem(prediction=drawn[1], truth="l0"),
        FeedbackItem(input="drawn elsewhere", truth="l4", audited=True),
    )
    batch = hear(brief, running)
    assert [row.input for row in batch.rows] == ["w1"]
    assert any("1 corrections are about audited predictions" in text for text in batch.proposals)
    assert any(text.startswith("accuracy on audited traffic: 1 of 3") for text in batch.proposals)


def test_what_is_erased_is_not_learnt(brief: Brief, running: Run, champion: Bundle) -> None:
    ids = predict(running.ledger, champion, "w1 private", "w2")
    said = say(
        running.ledger,
        *(FeedbackItem(prediction=one, label="l5") for one in ids),
        FeedbackItem(input="mine", label="l1"),
    )
    running.ledger.erase("tiny", ids[0])
    running.ledger.erase("tiny", said[2])
    assert [row.input for row in hear(brief, running).rows] == ["w2"]


def test_events_after_the_last_one_asked_for_are_not_read(brief: Brief, running: Run, champion: Bundle) -> None:
    ids = predict(running.ledger, champion, "w1", "w2")
    say(running.ledger, FeedbackItem(prediction=ids[0], label="l5"))
    upto = running.ledger.newest("tiny", kinds=KINDS)
    before = listen(brief, upto, run=running)
    say(running.ledger, FeedbackItem(prediction=ids[1], label="l5"))
    again = inspect.unwrap(listen)(brief, upto, run=running)  # past the kept result
    assert again == before
    assert len(hear(brief, running).rows) == 2


def test_the_part_that_fails_is_found_and_others_are_not(brief: Brief, running: Run, champion: Bundle) -> None:
    """The champion is wrong about w0 to w19 and says l1 to l0 for them; users notice half of it."""
    rng = np.random.default_rng(0)
    numbers = [int(n) for n in rng.integers(0, 100, 600)] + [7] * 60
    texts = [f"please do w{n} {'kitchen' if k % 2 else 'garden'}" for k, n in enumerate(numbers)]
    ids = predict(running.ledger, champion, *texts)
    wrong = [one for one, n in zip(ids, numbers, strict=True) if n == 7]
    noise = [ids[k] for k in range(0, 600, 60) if numbers[k] != 7]
    say(
        running.ledger,
        *(FeedbackItem(prediction=one, label="l7") for one in wrong),
        *(FeedbackItem(prediction=one, thumb="down") for one in noise),
    )
    batch = hear(brief, running)
    assert len(batch.slices) == 1
    part = batch.slices[0]
    assert "w7" in part.description or "w7" in part.examples[0]
    assert part.failures == len(wrong)
    assert 0 < part.low < part.failures / part.rows <= part.high
    assert any(f"collect more examples for {part.description}" in text for text in batch.proposals)
    assert f"collect more examples of 'l7': users corrected {len(wrong)} predictions to it" in batch.proposals
    assert inspect.unwrap(listen)(brief, running.ledger.newest("tiny", kinds=KINDS), run=running) == batch


def test_failures_without_a_pattern_name_nothing(
    brief: Brief, running: Run, champion: Bundle, traffic: Traffic
) -> None:
    named = 0
    for seed in range(3):
        ids = predict(running.ledger, champion, *traffic(300, seed=seed)[0])
        chosen = np.random.default_rng(seed).choice(300, 40, replace=False)
        say(running.ledger, *(FeedbackItem(prediction=ids[k], thumb="down") for k in chosen.tolist()))
        named += len(hear(brief, running).slices)
    assert named == 0


def test_drift_is_reported_when_there_is_some(brief: Brief, running: Run, champion: Bundle, traffic: Traffic) -> None:
    predict(running.ledger, champion, *traffic(300, seed=1)[0])
    predict(running.ledger, champion, *traffic(300, seed=2)[0])
    assert sum("show no change" in text for text in hear(brief, running).proposals) == 3
    predict(running.ledger, champion, *traffic(300, seed=3, words=5)[0])
    found = [text for text in hear(brief, running).proposals if text.startswith("drift:")]
    assert "drift: predicted labels have changed" in found[0]
    assert any(text.startswith("drift: inputs have changed") for text in found)


def test_a_promise_that_the_field_breaks_becomes_a_rule(
    write_brief: Callable[..., Path], root: Path, champion: Bundle, traffic: Traffic
) -> None:
    text = "product: tiny\ntask: text-classification\ndata: {source: data.csv, input: text, label: label}\n"
    brief = load_brief(write_brief(text + 'require: {accuracy: ">= 0.9"}\n'))
    with start(brief, workspace=root, command="improve") as run:
        replay(champion, *traffic(600), ledger=run.ledger, audit_rate=0.5, seed=0)
        assert any("rule: accuracy >= 0.9 is not kept in the field" in text for text in hear(brief, run).proposals)
