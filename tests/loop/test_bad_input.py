"""Bad input: every kind gives its error, where and what to do, exit status 2, and never a traceback."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from marketfit.bundle.engines import available
from marketfit.starter import write_starter

Call = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_starter(tmp_path / "product").parent


def change(folder: Path, old: str, new: str) -> None:
    path = folder / "brief.yaml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def write(folder: Path, content: bytes) -> None:
    (folder / "messages.csv").write_bytes(content)


BREAKS: dict[str, tuple[Callable[[Path], None], tuple[str, ...]]] = {
    "unknown key": (lambda f: change(f, "target:", "traget:"), ("brief.yaml", "traget", "target")),
    "unknown metric": (lambda f: change(f, "latency_p95_ms", "latency_p95"), ("'latency_p95'", "latency_p95_ms")),
    "wrong column": (lambda f: change(f, "input: text", "input: txt"), ("data.input", "'txt'", "text")),
    "wrong side": (lambda f: change(f, '">= 0.6"', '"<= 0.6"'), ("require", "wrong side")),
    "no data file": (lambda f: (f / "messages.csv").unlink(), ("messages.csv", "no file")),
    "unknown backbone": (lambda f: change(f, "[minilm]", "[minilmm]"), ("minilmm", "backbone")),
    "unknown task": (lambda f: change(f, "text-classification", "text-clasification"), ("text-classification",)),
    "empty file": (lambda f: write(f, b""), ("messages.csv", "empty")),
    "header only": (lambda f: write(f, b"text,label\n"), ("messages.csv",)),
    "one class": (lambda f: write(f, b"text,label\n" + b"".join(b"a %d,x\n" % n for n in range(30))), ("one class",)),
    "empty column": (lambda f: write(f, b"text,label\n" + b"a,\n" * 30), ("label", "empty")),
    "not UTF-8": (lambda f: write(f, "text,label\nein f\u00fcr alle,a\n".encode("latin-1")), ("messages.csv", "UTF-8")),
    "rare class": (
        lambda f: write(
            f,
            b"text,label\n" + b"".join(b"word%d,%s\n" % (n, b"ab"[n % 2 : n % 2 + 1]) for n in range(40)) + b"q,rare\n",
        ),
        ("rare", "3 rows or more"),
    ),
    "malformed CSV": (lambda f: write(f, b'text,label\n"never closed,a\nb,c\n'), ("messages.csv",)),
    "huge field": (
        lambda f: write(f, b"text,label\n" + b"x" * 20_000_000 + b",a\n"),
        ("messages.csv",),
    ),
}
if not available("onnxruntime-cuda"):
    said = ("target.device", "no engine works on a gpu here", "device: cpu", "onnxruntime-gpu")
    BREAKS["no GPU"] = (lambda f: change(f, "device: cpu", "device: gpu"), said)


@pytest.mark.parametrize("name", BREAKS)
@pytest.mark.parametrize("command", ["check", "run"])
def test_bad_input_is_an_instruction(name: str, command: str, folder: Path, call: Call) -> None:
    ruin, said_of_it = BREAKS[name]
    ruin(folder)
    said = call(command, folder / "brief.yaml", "--json", "--quiet")
    assert said.returncode == 2, said.stdout + said.stderr
    assert "Traceback" not in said.stderr
    document = json.loads(said.stdout)
    assert document["status"] == "error"
    assert document["problems"]
    assert all(problem["where"] and problem["found"] and problem["do"] for problem in document["problems"])
    for text in said_of_it:
        assert text in document["message"], document["message"]


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("", "mapping"),
        ("- a\n- b\n", "mapping"),
        ("product: [unclosed\n", "brief.yaml:2"),
        ("product: x\nproduct: y\n", "product"),
        ("\x00\x01", "brief.yaml"),
    ],
)
def test_briefs_that_are_no_briefs(content: str, text: str, folder: Path, call: Call) -> None:
    (folder / "brief.yaml").write_text(content, encoding="utf-8")
    said = call("check", folder / "brief.yaml")
    assert said.returncode == 2, said.stdout + said.stderr
    assert "Traceback" not in said.stderr
    assert text in said.stderr


@pytest.mark.parametrize("place", [".", "nowhere.yaml"])
def test_a_brief_that_is_a_directory_or_missing(place: str, folder: Path, call: Call) -> None:
    said = call("run", folder / place)
    assert said.returncode == 2
    assert "Traceback" not in said.stderr
    assert "directory" in said.stderr or "no file" in said.stderr or "no such file" in said.stderr


def test_all_mistakes_at_once(folder: Path, call: Call) -> None:
    """Brief: three mistakes with their lines; each is told."""
    change(folder, "target:", "traget:")
    change(folder, '">= 0.6"', '"about 0.6"')
    change(folder, "seed: 0", "seed: -1")
    said = call("check", folder / "brief.yaml", "--json")
    problems = json.loads(said.stdout)["problems"]
    assert len(problems) >= 3
    assert all(re.search(r"brief.yaml:\d+", problem["where"]) for problem in problems)


@pytest.mark.parametrize("command", ["check", "run"])
def test_all_bad_backbones_are_told_before_any_row_is_embedded(
    command: str, folder: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    change(folder, "[minilm]", "[minilm, minilmm, minilm-77, nowhere]")
    monkeypatch.setattr("marketfit.prepare.step.embed", lambda *_: pytest.fail("rows were embedded"))
    said = call(command, folder / "brief.yaml", "--json", "--quiet")
    assert said.returncode == 2, said.stderr
    told = [problem["where"] + " " + problem["found"] for problem in json.loads(said.stdout)["problems"]]
    assert len(told) == 3
    assert all(name in line for name, line in zip(("minilmm", "77 layers", "nowhere"), told, strict=True))
    if command == "run":
        assert not (folder / "marketfit-workspace").exists()


def test_check_tells_bad_backbones_with_the_mistakes_of_the_data(folder: Path, call: Call) -> None:
    change(folder, "[minilm]", "[minilmm]")
    write(folder, b"text,label\n" + b"a,\n" * 30)
    message = json.loads(call("check", folder / "brief.yaml", "--json").stdout)["message"]
    assert "minilmm" in message
    assert "column 'label' (data.label) is empty" in message


@pytest.mark.parametrize(
    ("content", "says"),
    [(b"txt\nwhere is it\n", ("data.unlabelled", "more.csv has no column 'text'")),
     ("text\nein Paket f\u00fcr mich\n".encode("latin-1"), ("more.csv", "UTF-8"))],
)  # fmt: skip
@pytest.mark.parametrize("command", ["check", "run"])
def test_a_bad_file_of_unlabelled_rows_is_refused_before_any_row_is_embedded(
    command: str, content: bytes, says: tuple[str, ...], folder: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "more.csv").write_bytes(content)
    change(folder, "label: label", "label: label\n  unlabelled: more.csv")
    monkeypatch.setattr("marketfit.prepare.step.embed", lambda *_: pytest.fail("rows were embedded"))
    said = call(command, folder / "brief.yaml", "--json", "--quiet")
    assert said.returncode == 2, said.stderr
    message = json.loads(said.stdout)["message"]
    assert all(text in message for text in says), message


def test_mistakes_of_data_and_survey_come_together(folder: Path, call: Call) -> None:
    change(folder, "input: text", "input: txt")
    (folder / "opinions.csv").write_text("item,respondent\nx,1\n", encoding="utf-8")
    with (folder / "brief.yaml").open("a", encoding="utf-8") as stream:
        stream.write("market: {opinions: opinions.csv}\n")
    message = json.loads(call("check", folder / "brief.yaml", "--json").stdout)["message"]
    assert "txt" in message
    assert "opinions.csv" in message


def test_wrong_use_of_the_command_line(call: Call) -> None:
    for arguments in (["run"], ["fly"], ["run", "x.yaml", "--fast"], ["serve", "x.yaml", "--port", "many"]):
        said = call(*arguments)
        assert said.returncode == 2, arguments
        assert "Traceback" not in said.stderr


def test_new_refuses_a_folder_that_is_not_empty(folder: Path, call: Call) -> None:
    assert call("new", folder).returncode == 2
    made = call("new", folder.parent / "another", "--json")
    assert made.returncode == 0
    assert Path(str(json.loads(made.stdout)["brief"])).is_file()
