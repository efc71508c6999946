"""A server of survey pages that is killed in the middle loses nothing that it acknowledged."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx

from marketfit.ledger import Ledger
from marketfit.ledger.surveys import answers
from marketfit.testing.forms import FormClient


@contextmanager
def serving(survey: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    command = [sys.executable, "-m", "marketfit", "survey", "serve", str(survey), "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield process, process.stdout.readline().split()[-1]
    finally:
        process.kill()
        process.wait()


def test_kill_9_in_the_middle_loses_no_acknowledged_answer(survey_file: Path, tmp_path: Path) -> None:
    def fill(number: int) -> tuple[str, int]:
        """Answer until the server is gone; gives the link and how many answers were acknowledged."""
        with FormClient(url) as client:
            client.open("/")
            client.send()
            link, done = client.path.rpartition("/")[0], 0
            client.http.follow_redirects = False
            try:
                while not client.path.endswith("/done"):
                    client.answer(number)
                    assert client.reply is not None
                    assert client.status == 303
                    done += 1  # the redirect is the acknowledgement
                    if done == 3 and number == 0:
                        os.kill(process.pid, signal.SIGKILL)
                    client.open(client.reply.headers["location"])
            except httpx.TransportError:
                pass
            return link, done

    with serving(survey_file) as (process, url), ThreadPoolExecutor(4) as pool:
        filled = list(pool.map(fill, range(4)))
        assert process.wait(20) == -signal.SIGKILL
    assert filled[0][1] == 3
    with serving(survey_file) as (process, url):
        for link, done in filled:
            with FormClient(url) as client:
                client.open(link)
                resumed = 7 if client.path.endswith("/done") else int(client.path.rpartition("/")[2]) - 1
                assert resumed >= done  # the redirect of the last one may have been on its way
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    ledger = Ledger.beside(tmp_path / "marketfit-workspace")
    assert len(answers(ledger, "kitchen")) >= sum(done for _, done in filled)
    ledger.close()
