"""Start, swap, drain, kill: the server as a process."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from marketfit.bundle import Sealed, new_keys
from marketfit.bundle.sign import write_signature
from marketfit.ledger import Ledger, champion
from marketfit.serve import ServeSettings, running

Seal = Callable[..., Sealed]

PROGRAM = """
import sys, time
from pathlib import Path
from marketfit.bundle import Bundle
from marketfit.serve import ServeSettings, serve

answer, pause = Bundle.predict, float(sys.argv[2])
def slow(self, examples):
    time.sleep(pause)
    return answer(self, examples)
Bundle.predict = slow
serve(ServeSettings(workspace=Path(sys.argv[1]), audit_rate=1.0), port=0, announce=lambda url: print(url, flush=True))
print("drained", flush=True)
"""


@pytest.fixture
def start(workspace: Path) -> Iterator[Callable[..., tuple[subprocess.Popen[str], str]]]:
    """Start a server process; whatever still lives at the end is killed."""
    alive: list[subprocess.Popen[str]] = []

    def launch(pause: float = 0.0) -> tuple[subprocess.Popen[str], str]:
        command = [sys.executable, "-c", PROGRAM, str(workspace), str(pause)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        alive.append(process)
        assert process.stdout is not None
        return process, process.stdout.readline().strip()

    yield launch
    for process in alive:
        if process.poll() is None:
            process.kill()
        process.wait()


def test_what_was_acknowledged_survives_kill_9(
    start: Callable[..., tuple[subprocess.Popen[str], str]], ledger: Ledger
) -> None:
    process, url = start()
    with httpx.Client(base_url=url, timeout=20) as client:
        acknowledged = [
            client.post("/predict", json={"input": f"w{n}"}).json()["predictions"][0]["id"] for n in range(20)
        ]
        said = client.post("/feedback", json={"prediction": acknowledged[-1], "label": "l3"}).json()["events"]
        os.kill(process.pid, signal.SIGKILL)
    assert process.wait(20) == -signal.SIGKILL
    assert set(ledger.events_by_id([*acknowledged, *said])) == {*acknowledged, *said}
    again, url = start()
    assert httpx.post(f"{url}/feedback", json={"prediction": acknowledged[0], "thumb": "up"}).status_code == 200
    assert again.poll() is None


def test_sigterm_answers_open_requests_first(start: Callable[..., tuple[subprocess.Popen[str], str]]) -> None:
    process, url = start(1.0)
    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(httpx.post, f"{url}/predict", json={"input": f"w{n}"}, timeout=20) for n in range(4)]
        time.sleep(0.5)
        process.send_signal(signal.SIGTERM)
        assert [future.result().status_code for future in asked] == [200] * 4
    assert process.wait(20) == 0
    assert process.stdout is not None
    assert process.stdout.read().strip() == "drained"


def test_a_new_champion_takes_over_without_a_failed_request(workspace: Path, ledger: Ledger, seal_words: Seal) -> None:
    second = seal_words(workspace / "bundles" / "second", shift=1)
    done = threading.Event()

    def use(number: int) -> list[tuple[str, str]]:
        seen = []
        with httpx.Client(base_url=server.url, timeout=20) as client:
            while not done.is_set():
                reply = client.post("/predict", json={"inputs": [f"w{number}", f"w{number + 1}"]})
                assert reply.status_code == 200, reply.text
                first, after = (one["label"] for one in reply.json()["predictions"])
                assert int(after[1:]) - int(first[1:]) == 1  # one bundle answers a whole request
                seen.append((first, reply.json()["bundle"]))
        return seen

    with running(ServeSettings(workspace=workspace, poll_seconds=0.05)) as server, ThreadPoolExecutor(8) as pool:
        before = httpx.get(f"{server.url}/readyz").json()["bundle"]
        users = [pool.submit(use, number) for number in range(8)]
        time.sleep(0.3)
        champion.promote(ledger, "tiny", workspace, second.folder, reason="better")
        for _ in range(200):
            if httpx.get(f"{server.url}/readyz").json()["bundle"] == second.digest:
                break
            time.sleep(0.02)
        time.sleep(0.2)
        done.set()
        for number, user in enumerate(users):
            seen = user.result()
            expected = {before: f"l{number}", second.digest: f"l{number + 1}"}
            assert all(label == expected[digest] for label, digest in seen)
            assert {digest for _, digest in seen} == set(expected)
        champion.rollback(ledger, "tiny", workspace, reason="test")
        time.sleep(0.5)
        assert httpx.post(f"{server.url}/predict", json={"input": "w5"}).json()["bundle"] == before


def test_a_champion_that_the_trusted_key_has_not_signed_is_refused_and_the_old_one_stays(
    workspace: Path, ledger: Ledger, seal_words: Seal, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ours, theirs = new_keys(tmp_path / "ours"), new_keys(tmp_path / "theirs")
    write_signature(workspace / "bundles" / "first", ours.private)
    second = seal_words(workspace / "bundles" / "second", shift=1)
    write_signature(second.folder, theirs.private)
    settings = ServeSettings(workspace=workspace, poll_seconds=0.05, key=ours.public)
    with running(settings) as server, caplog.at_level(logging.ERROR):
        champion.promote(ledger, "tiny", workspace, second.folder, reason="by somebody else")
        time.sleep(0.5)
        assert httpx.post(f"{server.url}/predict", json={"input": "w5"}).json()["predictions"][0]["label"] == "l5"
        assert sum("a foreign signature" in record.message for record in caplog.records) == 1


def test_a_champion_that_cannot_be_trusted_is_refused_and_the_old_one_stays(
    workspace: Path, ledger: Ledger, seal_words: Seal, caplog: pytest.LogCaptureFixture
) -> None:
    second = seal_words(workspace / "bundles" / "second", shift=1)
    whole = (second.folder / "model.onnx").read_bytes()
    (second.folder / "model.onnx").write_bytes(whole[:-1] + b"?")
    with running(ServeSettings(workspace=workspace, poll_seconds=0.05)) as server, caplog.at_level(logging.ERROR):
        champion.promote(ledger, "tiny", workspace, second.folder, reason="tampered with")
        time.sleep(0.5)
        assert httpx.post(f"{server.url}/predict", json={"input": "w5"}).json()["predictions"][0]["label"] == "l5"
        page = httpx.get(f"{server.url}/metrics").text
        refusals = next(x for x in page.splitlines() if x.startswith("marketfit_champion_refusals_total"))
        assert float(refusals.split()[1]) > 1
        assert sum("the champion is refused" in record.message for record in caplog.records) == 1
        (second.folder / "model.onnx").write_bytes(whole)  # restored: no new decision is needed
        time.sleep(0.5)
        assert httpx.post(f"{server.url}/predict", json={"input": "w5"}).json()["predictions"][0]["label"] == "l6"


def test_a_server_may_wait_for_its_first_champion(tmp_path: Path, seal_words: Seal) -> None:
    (tmp_path / "bundles").mkdir()
    sealed = seal_words(tmp_path / "bundles" / "first")
    with running(ServeSettings(workspace=tmp_path, product="tiny", poll_seconds=0.05)) as server:
        assert httpx.get(f"{server.url}/livez").status_code == 200
        for reply in (httpx.get(f"{server.url}/readyz"), httpx.post(f"{server.url}/predict", json={"input": "a"})):
            assert reply.status_code == 503
            assert "no champion" in reply.text
        ledger = Ledger.beside(tmp_path)
        champion.promote(ledger, "tiny", tmp_path, sealed.folder, reason="first")
        ledger.close()
        time.sleep(0.5)
        assert httpx.get(f"{server.url}/readyz").status_code == 200


def test_a_small_answer_is_not_held_back_by_the_network_stack(workspace: Path) -> None:
    """Nagle's algorithm and a delayed acknowledgement would add 40 ms to every answer on a kept connection."""
    with running(ServeSettings(workspace=workspace)) as server, httpx.Client(base_url=server.url) as client:
        seconds = []
        for _ in range(30):
            began = time.perf_counter()
            client.post("/predict", json={"input": "w1"})
            seconds.append(time.perf_counter() - began)
    assert sorted(seconds)[len(seconds) // 2] < 0.03


def test_serving_and_its_app_load_nothing_heavy() -> None:
    program = (
        "import sys, marketfit.serve, marketfit.listen; light = set(sys.modules)\n"
        "import marketfit.serve.app\n"
        "heavy = {'torch', 'transformers', 'sklearn', 'optuna', 'cleanlab', 'onnx'}\n"
        "print(sorted(heavy & set(sys.modules)), sorted({'fastapi', 'uvicorn', 'prometheus_client'} & light))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[] []"


def test_a_missing_extra_is_an_instruction(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from marketfit.errors import MissingExtraError
    from marketfit.serve import create_app

    for name in [name for name in sys.modules if name.startswith("marketfit.serve.app")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "fastapi", None)
    with pytest.raises(MissingExtraError, match=r"marketfit\[serve\]"):
        create_app(ServeSettings(workspace=workspace))
