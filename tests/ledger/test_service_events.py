"""Champions, feedback and erasure on real databases."""

from __future__ import annotations

from pathlib import Path

import pytest

from marketfit.errors import InputError
from marketfit.ledger import Event, Ledger, champion
from marketfit.ledger.feedback import FeedbackItem, Reading, Said, read_feedback, truth_events
from marketfit.ledger.traffic import Answer, Predicted, prediction_events, secret_lottery

LABELS = ("lights_on", "lights_off")


def bundle(root: Path, name: str) -> Path:
    folder = root / "bundles" / name
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text(name)
    return folder


def predicted(ledger: Ledger, *texts: str, audited: bool = False) -> list[Event]:
    answers = [Answer(input=t, label="lights_on", score=0.9, abstain=False) for t in texts]
    events = prediction_events(answers, product="p", bundle="b" * 64, lottery=lambda: audited)
    ledger.append(events)
    return events


def read(ledger: Ledger, *items: FeedbackItem) -> Reading:
    return read_feedback(
        {f"items[{n}]": item for n, item in enumerate(items)}, ledger=ledger, product="p", labels=LABELS
    )


def test_champions_are_a_line_that_rollback_walks_back(ledger: Ledger, tmp_path: Path) -> None:
    a, b = bundle(tmp_path, "a"), bundle(tmp_path, "b")
    assert champion.current(ledger, "p", tmp_path) is None
    with pytest.raises(InputError, match="no champion"):
        champion.required(ledger, "p", tmp_path)
    first = champion.promote(ledger, "p", tmp_path, a, reason="first")
    assert champion.promote(ledger, "p", tmp_path, a, reason="again") == first
    with pytest.raises(InputError, match="no champion before"):
        champion.rollback(ledger, "p", tmp_path, reason="why not")
    second = champion.promote(ledger, "p", tmp_path, b, reason="better")
    assert (second.folder, second.previous) == (b, first.digest)
    champion.decide(ledger, "p", tmp_path, action="keep", bundle=a, reason="refused")
    assert champion.current(ledger, "p", tmp_path) == second  # a decision that keeps moves nothing
    back = champion.rollback(ledger, "p", tmp_path, reason="b fails in the field")
    assert (back.folder, back.digest, back.action) == (a, first.digest, "rollback")
    with pytest.raises(InputError, match="no champion before"):
        champion.rollback(ledger, "p", tmp_path, reason="further")
    assert champion.current(ledger, "p", tmp_path, upto=second.sequence) == second
    assert [note.action for _, note in champion.history(ledger, "p")] == ["promote", "promote", "keep", "rollback"]
    assert champion.history(ledger, "p")[0][1].bundle == "bundles/a"  # the workspace may be moved


def test_a_decision_needs_a_reason_a_bundle_and_its_turn(ledger: Ledger, tmp_path: Path) -> None:
    a, b = bundle(tmp_path, "a"), bundle(tmp_path, "b")
    with pytest.raises(InputError, match="reason"):
        champion.promote(ledger, "p", tmp_path, a, reason=" ")
    with pytest.raises(InputError, match="sealed"):
        champion.promote(ledger, "p", tmp_path, tmp_path / "bundles", reason="x")
    with pytest.raises(InputError, match="expected"):
        champion.promote(ledger, "p", tmp_path, a, reason="x", digest="0" * 64)
    once = champion.decide(ledger, "p", tmp_path, action="promote", bundle=a, reason="turn 1", id="turn-1")
    again = champion.decide(ledger, "p", tmp_path, action="promote", bundle=b, reason="resumed", id="turn-1")
    assert again == once
    champion.promote(ledger, "p", tmp_path, b, reason="x")
    (a / "manifest.json").write_text("tampered")
    with pytest.raises(InputError, match="when it was in service"):
        champion.rollback(ledger, "p", tmp_path, reason="back")


def test_feedback_becomes_events(ledger: Ledger) -> None:
    plain, audited = predicted(ledger, "hello")[0], predicted(ledger, "audited", audited=True)[0]
    reading = read(
        ledger,
        FeedbackItem(prediction=plain.id, thumb="down", label="lights_off"),
        FeedbackItem(prediction=audited.id, truth="lights_on"),
        FeedbackItem(input="new one", label="lights_off", id="key"),
        FeedbackItem(input="drawn elsewhere", truth="lights_off", audited=True),
    )
    assert reading.problems == []
    assert [e.kind for e in reading.events] == ["feedback", "truth", "feedback", "truth"]
    assert [e.subject for e in reading.events] == [plain.id, audited.id, "", ""]
    assert Said.of(reading.events[0]).note.label == "lights_off"
    assert reading.events[0].bundle == plain.bundle
    assert ledger.append(reading.events) == 4
    same = read(ledger, FeedbackItem(input="new one", label="lights_off", id="key"))
    assert ledger.append(same.events) == 0
    assert (
        "used for something else"
        in read(ledger, FeedbackItem(input="x", label="lights_off", id="key")).problems[0].found
    )
    assert read(
        ledger, FeedbackItem(input="a", label="lights_on", id="k2"), FeedbackItem(input="b", label="lights_on", id="k2")
    ).problems


def test_all_that_is_wrong_with_feedback_is_said_at_once(ledger: Ledger) -> None:
    plain = predicted(ledger, "hello")[0]
    wrong = [
        FeedbackItem(),
        FeedbackItem(prediction=plain.id),
        FeedbackItem(prediction=plain.id, input="x", label="lights_on"),
        FeedbackItem(prediction="none", thumb="up"),
        FeedbackItem(prediction=plain.id, label="light_on"),
        FeedbackItem(prediction=plain.id, truth="lights_on"),
        FeedbackItem(prediction=plain.id, truth="lights_on", thumb="up"),
        FeedbackItem(input="x", truth="lights_on"),
        FeedbackItem(input="x", label="lights_on", audited=True),
        FeedbackItem(input=" ", label="lights_on"),
        FeedbackItem(input="x", thumb="up"),
    ]
    reading = read(ledger, *wrong)
    assert {problem.where for problem in reading.problems} == {f"items[{n}]" for n in range(len(wrong))}
    assert reading.unknown == 1
    assert any("did you mean 'lights_on'?" in problem.allowed for problem in reading.problems)


def test_unreviewed_is_the_audited_sample_without_truths(ledger: Ledger) -> None:
    predicted(ledger, "plain")
    events = predicted(ledger, "one", "two", "three", audited=True)
    ledger.append(truth_events([(events[1], "lights_on")]))
    waiting = ledger.unreviewed("p", limit=10)
    assert [Predicted.of(event).note.input for event in waiting] == ["one", "three"]
    assert [e.id for e in ledger.unreviewed("p", limit=10, after=waiting[0].sequence)] == [events[2].id]
    ledger.erase("p", events[0].id)
    assert [e.id for e in ledger.unreviewed("p", limit=1)] == [events[2].id]


def test_erasure_blanks_what_was_written_and_keeps_the_counts(ledger: Ledger) -> None:
    event = predicted(ledger, "my secret address", audited=True)[0]
    ledger.append(read(ledger, FeedbackItem(prediction=event.id, thumb="down")).events)
    assert ledger.erase("p", "nothing") == 0
    assert ledger.erase("other", event.id) == 0
    assert ledger.erase("p", event.id) == 2
    assert ledger.erase("p", event.id) == 2
    found = ledger.event(event.id)
    assert found is not None
    assert found.payload["input"] is None
    assert found.payload["label"] == "lights_on"
    assert len(list(ledger.events("p", kinds=("erasure",)))) == 1
    assert "erased" in read(ledger, FeedbackItem(prediction=event.id, thumb="up")).problems[0].found


def test_erased_bytes_are_gone_from_the_files(tmp_path: Path) -> None:
    ledger = Ledger(f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    event = predicted(ledger, "unmistakable-secret-text " * 1000)[0]  # long enough for pages of its own
    predicted(ledger, *(f"other {n}" for n in range(50)))
    ledger.erase("p", event.id)
    held = b"".join(path.read_bytes() for path in tmp_path.glob("ledger.sqlite*"))
    ledger.close()
    assert b"other 49" in held
    assert b"unmistakable-secret-text" not in held


def test_the_lottery_is_uniform() -> None:
    draw = secret_lottery(0.3)
    assert 2700 < sum(draw() for _ in range(10_000)) < 3300
    assert not any(secret_lottery(0.0)() for _ in range(100))
    assert all(secret_lottery(1.0)() for _ in range(100))


def test_ids_taken_by_another_writer_are_left_alone(ledger: Ledger) -> None:
    import threading

    barrier = threading.Barrier(4)

    def write() -> None:
        barrier.wait()
        for number in range(30):
            ledger.append([Event(product="p", kind="truth", payload={}, id=f"same-{number}")])

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(list(ledger.events("p"))) == 30


def test_text_is_kept_exactly(ledger: Ledger) -> None:
    given = "quotes \" ' 漢字 \u2028 emoji 🙂 \\u0000"
    event = predicted(ledger, given)[0]
    found = ledger.event(event.id)
    assert found is not None
    assert found.payload["input"] == given


def test_a_file_of_many_events_is_one_transaction(ledger: Ledger) -> None:
    events = [Event(product="p", kind="truth", payload={}, id=f"many-{number}") for number in range(40_000)]
    assert ledger.append(events) == 40_000
    assert ledger.append(events[:5]) == 0
