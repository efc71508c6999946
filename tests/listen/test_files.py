"""Feedback files: everything that is wrong at once, and the same file twice is harmless."""

from __future__ import annotations

from pathlib import Path

import pytest

from marketfit.errors import DataError
from marketfit.ledger import Event, Ledger
from marketfit.ledger.traffic import Answer, prediction_events
from marketfit.listen import feedback_file

LABELS = ("on", "off")


def read(path: Path, ledger: Ledger, content: str | bytes) -> list[Event]:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return feedback_file(
        path, ledger=ledger, product="tiny", labels=LABELS, input_column="utterance", label_column="intent"
    )


def said(events: list[Event]) -> list[tuple[str, str, dict[str, object]]]:
    return [(event.kind, event.subject, dict(event.payload)) for event in events]


@pytest.fixture
def ids(ledger: Ledger) -> list[str]:
    answers = [Answer(input=text, label="on", score=1.0, abstain=False) for text in ("a", "b")]
    events = prediction_events(answers, product="tiny", bundle="d", lottery=lambda: True)
    ledger.append(events)
    return [event.id for event in events]


def test_a_table_with_the_columns_of_the_brief(tmp_path: Path, ledger: Ledger) -> None:
    content = 'utterance,intent\n"turn it on, now",on\n"two\nlines",off\nagain,off\nagain,off\n'
    events = read(tmp_path / "f.csv", ledger, content)
    assert said(events) == [
        ("feedback", "", {"input": "turn it on, now", "label": "on"}),
        ("feedback", "", {"input": "two\nlines", "label": "off"}),
        ("feedback", "", {"input": "again", "label": "off"}),
        ("feedback", "", {"input": "again", "label": "off"}),
    ]
    assert ledger.append(events) == 4
    assert ledger.append(read(tmp_path / "f.csv", ledger, content)) == 0
    assert said(read(tmp_path / "f.tsv", ledger, "text\tlabel\nx\ton\n"))[0][2] == {"input": "x", "label": "on"}
    assert said(read(tmp_path / "f.csv", ledger, "text;label\nx, y;on\n"))[0][2] == {"input": "x, y", "label": "on"}


def test_all_kinds_in_lines(tmp_path: Path, ledger: Ledger, ids: list[str]) -> None:
    lines = [
        f'{{"prediction": "{ids[0]}", "thumb": "down", "label": "off"}}',
        f'{{"prediction": "{ids[1]}", "truth": "on"}}',
        "",
        '{"text": "new", "label": "on", "id": "mine"}',
        '{"input": "drawn elsewhere", "truth": "off", "audited": true}',
    ]
    events = read(tmp_path / "f.jsonl", ledger, "\n".join(lines))
    assert [(kind, subject) for kind, subject, _ in said(events)] == [
        ("feedback", ids[0]), ("truth", ids[1]), ("feedback", ""), ("truth", ""),
    ]  # fmt: skip
    table = f"prediction,thumb,truth\n{ids[0]},up,\n{ids[1]},,off\n"
    assert [kind for kind, _, _ in said(read(tmp_path / "f.csv", ledger, table))] == ["feedback", "truth"]


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("f.csv", "", ["the file is empty"]),
        ("f.csv", "text,label\n", ["there are no rows"]),
        ("f.csv", "txt,label\nx,on\n", ["f.csv:1: unknown column 'txt'; did you mean 'text'?"]),
        ("f.csv", "text,input,label\nx,y,on\n", ["2 columns mean 'input'"]),
        (
            "f.csv",
            "text,label\nx,on,z\ny,of\n",
            ["f.csv:2: 3 fields", "f.csv:3: unknown label 'of'; did you mean 'off'?"],
        ),
        ("f.csv", 'text,label\n"a\nb",on\nz,of\n', ["f.csv:4: unknown label"]),
        ("f.csv", 'text,label\nx,on\n"open,on\n', ["f.csv:3: cannot be read"]),
        ("f.csv", "prediction,thumb\nnone,sideways\n", ["thumb: 'sideways'"]),
        ("f.csv", "prediction,thumb\nnone,up\n", ["there is no prediction 'none'"]),
        ("f.csv", b"text,label\nx,on\n\xff,on\n", ["f.csv:3: is not UTF-8"]),
        ("f.csv", "text,label\n" + "x" * 1_000_001 + ",on\n", ["field larger"]),
        (
            "f.jsonl",
            '{"text": "x"\n[1]\n{"txt": 1}\n',
            ["f.jsonl:1: is not JSON", "f.jsonl:2: a JSON list", "f.jsonl:3: unknown key"],
        ),
        ("f.jsonl", '{"text": "\\ud800", "label": "on"}', ["is not JSON"]),
        ("f.jsonl", '{"text": "x", "truth": "on"}', ["unknown origin"]),
        ("f.txt", "x", ["the ending '.txt'"]),
    ],
)
def test_mistakes_are_instructions(
    tmp_path: Path, ledger: Ledger, name: str, content: str | bytes, says: list[str]
) -> None:
    with pytest.raises(DataError) as caught:
        read(tmp_path / name, ledger, content)
    for part in says:
        assert part in str(caught.value)
    assert list(ledger.events("tiny")) == []


def test_files_that_are_none(tmp_path: Path, ledger: Ledger) -> None:
    for path, says in ((tmp_path, "directory"), (tmp_path / "none.csv", "no such file")):
        with pytest.raises(DataError, match=says):
            feedback_file(path, ledger=ledger, product="p", labels=LABELS, input_column="a", label_column="b")


def test_very_many_mistakes_are_counted(tmp_path: Path, ledger: Ledger) -> None:
    with pytest.raises(DataError, match="400 more problems"):
        read(tmp_path / "f.csv", ledger, "text,label\n" + "x,wrong\n" * 500)
