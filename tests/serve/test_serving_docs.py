"""docs/serving.md is true: each request is sent, each feedback row is read, each setting has its default."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from pydantic import JsonValue

from marketfit.ledger import Ledger, champion
from marketfit.listen import feedback_file
from marketfit.serve import ServeSettings, running
from marketfit.testing import tiny_bundle

PAGE = (Path(__file__).parents[2] / "docs" / "serving.md").read_text(encoding="utf-8")
LABELS = ["delivery", "refund"]
FROM_ARGUMENTS = {"workspace", "ledger_url", "key", "product", "bundle"}


def blocks(kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", PAGE, flags=re.DOTALL)


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    root = tmp_path / "workspace"
    made = tiny_bundle(root / "bundles" / "b", {"parcel": "delivery", "money": "refund"}, labels=LABELS)
    ledger = Ledger.beside(root)
    champion.promote(ledger, "tiny", root, made.folder, reason="first bundle")
    ledger.close()
    return root


@pytest.fixture
def client(shop: Path) -> Iterator[httpx.Client]:
    settings = ServeSettings(workspace=shop, audit_rate=1.0)
    with running(settings) as server, httpx.Client(base_url=server.url, timeout=20) as opened:
        yield opened


def sent(client: httpx.Client, line: str, prediction: str) -> httpx.Response:
    """The answer to a line of curl."""
    words = shlex.split(line.replace("PREDICTION", prediction))
    path = next(word for word in words if word.startswith("http")).removeprefix("http://127.0.0.1:8000")
    body = words[words.index("-d") + 1] if "-d" in words else None
    headers = dict(words[place + 1].split(": ") for place, word in enumerate(words) if word == "-H")
    reply = client.request("GET" if body is None else "POST", path, content=body, headers=headers)
    assert reply.status_code == 200, reply.text
    return reply


def shape(value: JsonValue) -> JsonValue:
    """An answer without its values."""
    if isinstance(value, dict):
        return {name: shape(part) for name, part in value.items()}
    return [shape(value[0])] if isinstance(value, list) else None


def test_every_request_gets_an_answer_of_the_form_that_is_shown(client: httpx.Client) -> None:
    prediction = client.post("/predict", json={"input": "my parcel"}).json()["predictions"][0]["id"]
    lines = [line for block in blocks("sh") for line in block.splitlines() if line.startswith("curl")]
    answers = [sent(client, line, prediction) for line in lines]
    shown = [json.loads(block) for block in blocks("json")]
    assert [shape(item) for item in shown] == [shape(answers[place].json()) for place in (0, 2, 3)]
    assert [one["label"] for one in shown[0]["predictions"]] == ["delivery", "refund"]
    assert shown[0]["predictions"][1]["label"] == answers[0].json()["predictions"][1]["label"]
    assert answers[4].json() == {"erased": 3}  # the prediction, and what the two requests of feedback said of it


def test_every_row_of_the_feedback_file_is_read(client: httpx.Client, shop: Path, tmp_path: Path) -> None:
    prediction = client.post("/predict", json={"input": "my parcel"}).json()["predictions"][0]["id"]
    path = tmp_path / "feedback.csv"
    path.write_text(blocks("csv")[0].replace("PREDICTION", prediction).replace("AUDITED", prediction), encoding="utf-8")
    ledger = Ledger.beside(shop)
    events = feedback_file(
        path, ledger=ledger, product="tiny", labels=LABELS, input_column="text", label_column="topic"
    )
    ledger.close()
    assert [event.kind for event in events] == ["feedback", "feedback", "feedback", "truth", "truth"]
    header = blocks("csv")[0].splitlines()[0].split(",")
    assert all(f"| `{name}` |" in PAGE for name in header)


def test_every_setting_is_told_with_its_default() -> None:
    told: dict[str, str] = {}
    for names, default in re.findall(r"^\| (`[^|]*`) \| ([^|]*) \|", PAGE.split("## Settings")[1], flags=re.MULTILINE):
        told |= dict.fromkeys(re.findall(r"`(\w+)`", names), default.strip())
    assert told == {name: default for name, default, _ in ServeSettings.options() if name not in FROM_ARGUMENTS}


def test_every_metric_and_path_is_there(client: httpx.Client) -> None:
    client.post("/predict", json={"input": "my parcel"})
    assert client.get("/livez").json() == {"status": "ok"}
    assert set(client.get("/readyz").json()) == {"status", "product", "bundle"}
    page = client.get("/metrics").text
    assert all(name in page for name in re.findall(r"`(marketfit_\w+)`", PAGE))
