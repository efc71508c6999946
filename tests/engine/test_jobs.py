"""Both members of Jobs pass the exam; what each promises beside it."""

from __future__ import annotations

import copy
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pytest

from marketfit.engine import LocalJobs, RayJobs, jobs_at
from marketfit.engine.jobs.local import threads_each
from marketfit.engine.jobs.on_ray import connected
from marketfit.errors import BriefError, DataError, InputError, MissingExtraError, Problem, RunError
from marketfit.testing import jobs as exam


@pytest.fixture(scope="module")
def ray() -> Iterator[RayJobs]:
    """Ray on this machine, once for all tests here."""
    pytest.importorskip("ray")
    with connected("local"):
        yield RayJobs("local")


@pytest.mark.parametrize("workers", [1, 2])
def test_local_jobs_pass_the_exam(workers: int) -> None:
    exam.check_jobs(LocalJobs(), workers=workers)


@pytest.mark.slow  # tests/tune searches on Ray each time
def test_jobs_on_ray_pass_the_exam(ray: RayJobs) -> None:
    exam.check_jobs(ray, workers=1)


@pytest.mark.slow  # Ray takes half a minute to be sure that a worker has died
def test_jobs_on_ray_pass_the_exam_with_workers_that_die(ray: RayJobs) -> None:
    exam.check_jobs(ray, workers=2)


@pytest.mark.slow
def test_a_stream_whose_worker_dies_says_so(ray: RayJobs) -> None:
    with pytest.raises(RunError, match="Ray lost a worker"):
        list(ray.stream(exam.deadly, exam.several, threads=1))


def test_a_job_that_died_is_told_with_its_last_words() -> None:
    with LocalJobs().pool(workers=2) as pool:
        (lost,) = pool.map(exam.dies, [True], ended=lambda _index, _answer: None, progress=lambda _done: None)
    assert str(lost) == "Lost(reason='its process ended with signal SIGKILL, as when memory runs out: help')"


def test_the_cores_are_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _process: set(range(8)))
    assert [threads_each(workers) for workers in (1, 2, 3, 20)] == [8, 4, 2, 1]
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert [threads_each(workers) for workers in (1, 2, 4)] == [3, 3, 2]


ORPHAN = """
import os, signal
from marketfit.engine import LocalJobs
from marketfit.testing import jobs
with LocalJobs().pool(workers=2) as pool:
    print(pool.map(jobs.process, [0, 1], ended=lambda *_: None, progress=lambda _: None), flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_processes_end_with_the_one_that_started_them() -> None:
    done = subprocess.run([sys.executable, "-c", ORPHAN], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == -9, done.stderr
    workers = [int(number) for number in done.stdout.strip("[]\n").split(", ")]
    deadline = time.monotonic() + 20
    while any(_runs(worker) for worker in workers) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert [worker for worker in workers if _runs(worker)] == []


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize(
    "error",
    [
        DataError([Problem("a", "b", "c", "d"), Problem("e", "f", "", "h")]),
        BriefError([Problem("a", "b", "c", "d")]),
        MissingExtraError("ray", "ray"),
    ],
)
def test_input_errors_travel_whole(error: InputError) -> None:
    again = copy.copy(error)  # through what pickle would write
    assert type(again) is type(error)
    assert (again.problems, str(again)) == (error.problems, str(error))


def test_no_address_is_this_machine() -> None:
    assert isinstance(jobs_at(None), LocalJobs)


def test_a_missing_package_names_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'marketfit\[ray\]'"):
        jobs_at("local")


def free_port() -> str:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{server.getsockname()[1]}"


@pytest.mark.parametrize("address", [free_port, lambda: "host:port", lambda: "ray://"])
def test_an_address_where_nobody_is_fails_at_once(address: Callable[[], str]) -> None:
    pytest.importorskip("ray")
    began = time.monotonic()
    with pytest.raises(InputError, match="--ray: Ray can't be reached at"):
        jobs_at(address())
    assert time.monotonic() - began < 15
