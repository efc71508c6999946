"""The server on a real socket: answers, feedback, limits, errors."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from pydantic import SecretStr

from marketfit.errors import InputError
from marketfit.ledger import Ledger
from marketfit.serve import ServeSettings, running


@pytest.fixture
def client(workspace: Path) -> Iterator[httpx.Client]:
    settings = ServeSettings(
        workspace=workspace, audit_rate=0.5, max_body_bytes=20_000, max_items=8, max_characters=200, poll_seconds=0.1
    )
    with running(settings) as server, httpx.Client(base_url=server.url, timeout=20) as opened:
        yield opened


def problems(reply: httpx.Response, status: int) -> str:
    assert reply.status_code == status, reply.text
    assert set(reply.json()) == {"problems"}
    return " | ".join(f"{p['where']}: {p['found']}; {p['allowed']} → {p['do']}" for p in reply.json()["problems"])


def test_answers_are_events_before_they_are_sent(client: httpx.Client, ledger: Ledger) -> None:
    reply = client.post("/predict", json={"inputs": ["please w7", "w12"]}).json()
    assert [one["label"] for one in reply["predictions"]] == ["l7", "l12"]
    assert set(reply["predictions"][0]) == {"id", "label", "score", "abstain"}  # nobody learns whether he is audited
    for text, one in zip(["please w7", "w12"], reply["predictions"], strict=True):
        event = ledger.event(one["id"])
        assert event is not None
        assert (event.product, event.kind, event.bundle) == ("tiny", "prediction", reply["bundle"])
        assert event.payload["input"] == text
        assert event.payload["score"] == one["score"]
        assert isinstance(event.payload["audited"], bool)
    single = client.post("/predict", json={"input": "nothing known"}).json()["predictions"]
    assert [one["abstain"] for one in single] == [True]


def test_two_hundred_at_once_each_get_their_own_answer(client: httpx.Client, ledger: Ledger) -> None:
    def ask(number: int) -> bool:
        reply = client.post("/predict", json={"inputs": [f"w{number}", f"w{(number + 1) % 200}"]})
        return [one["label"] for one in reply.json()["predictions"]] == [f"l{number}", f"l{(number + 1) % 200}"]

    with ThreadPoolExecutor(50) as pool:
        assert all(pool.map(ask, range(200)))
    assert sum(1 for _ in ledger.events("tiny", kinds=("prediction",))) == 400
    page = client.get("/metrics").text
    count = float(next(x for x in page.splitlines() if x.startswith("marketfit_batch_inputs_count")).split()[1])
    assert count < 200  # fewer calls of the model than requests


def test_one_bad_input_is_nobody_elses_problem(client: httpx.Client) -> None:
    def ask(number: int) -> int:
        given: object = f"w{number}" if number % 4 else {"no": "text"}
        return client.post("/predict", json={"input": given}).status_code

    with ThreadPoolExecutor(20) as pool:
        statuses = list(pool.map(ask, range(80)))
    assert statuses == [200 if number % 4 else 422 for number in range(80)]


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        (b"{", 400, "not JSON"),
        (b"", 400, "not JSON"),
        (b"\xff\xfe", 400, "not JSON"),
        (b'{"input": "\\ud800"}', 400, "not JSON"),
        (b'{"input": NaN}', 400, "not JSON"),
        (b"[" * 5000, 400, "not JSON"),
        (b"[]", 422, "a JSON list"),
        (b"{}", 422, "neither"),
        (b'{"input": "a", "inputs": ["b"]}', 422, "both"),
        (b'{"inputs": "a"}', 422, "a list of examples"),
        (b'{"inputs": []}', 422, "empty list"),
        (b'{"inputs": ["a", "", null, " "]}', 422, "inputs[3]"),
        (b'{"input": 7}', 422, "example 0"),
        (b'{"input": "a", "inptus": 1}', 422, "did you mean"),
        (json.dumps({"inputs": ["a"] * 9}).encode(), 422, "at most 8"),
        (json.dumps({"input": "a" * 201}).encode(), 422, "at most 200"),
        (json.dumps({"input": "a" * 20_001}).encode(), 413, "at most 20,000"),
    ],
)
def test_bad_requests_get_instructions(client: httpx.Client, body: bytes, status: int, says: str) -> None:
    reply = client.post("/predict", content=body, headers={"Content-Type": "application/json"})
    assert says in problems(reply, status)
    assert client.post("/predict", json={"input": "w1"}).status_code == 200


def test_type_path_method_and_query_errors_have_the_same_form(client: httpx.Client) -> None:
    assert "application/json" in problems(client.post("/predict", content="input=a"), 415)
    problems(client.get("/nothing"), 404)
    problems(client.get("/predict"), 405)
    assert "limit" in problems(client.get("/audit?limit=0"), 422)
    assert client.get("/openapi.json").json()["paths"]["/predict"]["post"]["requestBody"]["required"] is True
    assert "<form" in client.get("/").text
    assert client.get("/labels").json()["labels"][3] == "l3"


def test_a_body_without_a_stated_length_is_cut_while_it_streams(client: httpx.Client) -> None:
    sent = 0
    address = urlsplit(str(client.base_url))
    with socket.create_connection((address.hostname or "", address.port or 0), timeout=20) as raw:
        raw.sendall(
            b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        try:
            for _ in range(20_000):  # 200 MB, were they wanted
                raw.sendall(b"2710\r\n" + b"a" * 10_000 + b"\r\n")
                sent += 10_000
        except OSError:
            pass
        else:
            pytest.fail("the server swallowed 200 MB")
    assert sent < 50_000_000
    assert client.get("/livez").status_code == 200


def test_feedback_of_every_kind(client: httpx.Client, ledger: Ledger) -> None:
    audited = ""
    while not audited:
        identifier = client.post("/predict", json={"input": "w5"}).json()["predictions"][0]["id"]
        event = ledger.event(identifier)
        audited = identifier if event is not None and event.payload["audited"] else ""
    said = [
        {"prediction": identifier, "thumb": "down", "id": "mine"},
        {"prediction": identifier, "label": "l6"},
        {"input": "a new one", "label": "l7"},
    ]
    for item in said:
        reply = client.post("/feedback", json=item)
        assert reply.json()["new"] == 1, reply.text
    assert client.post("/feedback", json=said[0]).json()["new"] == 0
    both = client.post("/feedback", json={"items": [{"prediction": audited, "truth": "l5"}, said[1]]}).json()
    kinds = [found.kind for found in map(ledger.event, both["events"]) if found]
    assert kinds == ["truth", "feedback"]
    page = client.get("/metrics").text
    assert 'marketfit_feedback_total{kind="truth"} 1.0' in page
    assert 'marketfit_requests_total{method="POST",path="/feedback",status="200"} 5.0' in page


def test_bad_feedback_records_nothing(client: httpx.Client, ledger: Ledger) -> None:
    identifier = client.post("/predict", json={"input": "w5"}).json()["predictions"][0]["id"]
    good = {"prediction": identifier, "thumb": "up"}
    assert "did you mean 'l19" in problems(
        client.post("/feedback", json={"items": [good, {**good, "label": "l190x"}]}), 422
    )
    assert "/predict gave" in problems(client.post("/feedback", json={"prediction": "x", "thumb": "up"}), 404)
    text = problems(
        client.post("/feedback", json={"items": [{**good, "thumb": "sideways"}, {"predicton": "x"}, 7]}), 422
    )
    assert all(part in text for part in ("items[0].thumb", "did you mean 'prediction'", "items[2]"))
    problems(client.post("/feedback", json={"items": [good] * 9}), 422)
    assert list(ledger.events("tiny", kinds=("feedback", "truth"))) == []


def test_audit_and_erasure(client: httpx.Client, ledger: Ledger) -> None:
    client.post("/predict", json={"inputs": [f"w{n}" for n in range(8)]})
    client.post("/predict", json={"inputs": [f"w{n}" for n in range(8, 16)]})
    items = client.get("/audit?limit=100").json()["items"]
    drawn = {e.id for e in ledger.events("tiny", kinds=("prediction",)) if e.payload["audited"]}
    assert {item["prediction"] for item in items} == drawn
    assert "label" not in items[0]  # a reviewer who sees the answer tends to agree with it
    first = items[0]["prediction"]
    assert client.post("/erase", json={"prediction": first}).json() == {"erased": 1}
    problems(client.post("/erase", json={"prediction": "nobody"}), 404)
    problems(client.post("/erase", json={"prediction": 3}), 422)
    assert "erased" in problems(client.post("/feedback", json={"prediction": first, "thumb": "up"}), 404)
    client.post("/feedback", json={"prediction": items[1]["prediction"], "truth": "l1"})
    assert len(client.get("/audit?limit=100").json()["items"]) == len(drawn) - 2


def test_tokens(workspace: Path) -> None:
    settings = ServeSettings(
        workspace=workspace, token=SecretStr("use"), review_token=SecretStr("judge"), audit_rate=1.0
    )
    user, judge = ({"Authorization": f"Bearer {token}"} for token in ("use", "judge"))
    with running(settings) as server, httpx.Client(base_url=server.url) as client:
        assert "Bearer" in problems(client.post("/predict", json={"input": "w1"}), 401)
        problems(client.get("/audit", headers=user), 401)
        identifier = client.post("/predict", json={"input": "w1"}, headers=user).json()["predictions"][0]["id"]
        truth, thumb = {"prediction": identifier, "truth": "l1"}, {"prediction": identifier, "thumb": "up"}
        problems(client.post("/feedback", json=truth, headers=user), 401)
        problems(client.post("/feedback", json=thumb), 401)
        for headers, item in ((judge, truth), (judge, thumb), (user, thumb)):
            assert client.post("/feedback", json=item, headers=headers).status_code == 200
        assert client.get("/audit", headers=judge).json() == {"items": []}
        assert client.get("/readyz").status_code == 200
    assert "use" not in repr(settings).replace("user", "")


def test_an_error_of_ours_has_a_number_and_no_traceback(
    client: httpx.Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr(Ledger, "append", broken)
    text = problems(client.post("/predict", json={"input": "w1"}), 500)
    number = text.split("internal error ")[1][:32]
    assert "secret" not in text
    assert number in caplog.text
    assert "secret detail" in caplog.text


def test_a_ledger_that_does_not_answer_acknowledges_nothing(
    client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sqlalchemy.exc import OperationalError

    def broken(*_: object, **__: object) -> None:
        raise OperationalError("insert", {}, Exception("disk full"))

    monkeypatch.setattr(Ledger, "append", broken)
    monkeypatch.setattr(Ledger, "newest", broken)
    assert "send it again" in problems(client.post("/predict", json={"input": "w1"}), 503)
    problems(client.post("/feedback", json={"input": "w1", "label": "l1"}), 503)
    problems(client.get("/readyz"), 503)
    assert client.get("/livez").status_code == 200


def test_what_cannot_be_served_is_said_before_it_starts(workspace: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such workspace"), running(ServeSettings(workspace=tmp_path / "none")):
        pass
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no champion yet"), running(ServeSettings(workspace=tmp_path / "empty")):
        pass
    named = ServeSettings(workspace=workspace, bundle=workspace / "bundles" / "first")
    other = named.model_copy(update={"product": "other"})
    with pytest.raises(InputError, match="wanted: 'other'"), running(other):
        pass
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(InputError, match="listened on"), running(named, port=port):
            pass
    (workspace / "bundles" / "first" / "model.onnx").write_bytes(b"tampered")
    with pytest.raises(InputError, match="changed"), running(named):
        pass


def test_settings_are_refused_all_at_once() -> None:
    with pytest.raises(InputError) as caught:
        ServeSettings.of({"audit_rate": "2", "max_itmes": 3, "token": 5})
    text = str(caught.value)
    assert all(part in text for part in ("audit_rate", "did you mean 'max_items'", "'workspace'", "'token'"))
    assert ServeSettings.of({"workspace": "w", "threads": "2"}).threads == 2
    assert all(help_text for _, _, help_text in ServeSettings.options())


def test_a_full_queue_turns_requests_away(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from marketfit.bundle import Bundle

    gate = threading.Event()
    answer = Bundle.predict

    def slow(self: Bundle, examples: list[object]) -> object:
        gate.wait(20)
        return answer(self, examples)

    monkeypatch.setattr(Bundle, "predict", slow)
    with running(ServeSettings(workspace=workspace, max_waiting=2)) as server, ThreadPoolExecutor(10) as pool:
        url = f"{server.url}/predict"
        asked = [pool.submit(httpx.post, url, json={"input": f"w{n}"}, timeout=20) for n in range(10)]
        for _ in range(50):
            if sum(future.done() for future in asked) >= 6:
                break
            threading.Event().wait(0.1)
        gate.set()
        statuses = [future.result().status_code for future in asked]
    # The model had one or two when the gate closed behind it, two waited.
    assert set(statuses) == {200, 503}
    assert 3 <= statuses.count(200) <= 4
