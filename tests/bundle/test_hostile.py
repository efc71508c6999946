"""Hostile bundles are refused with a named reason, and good ones accepted, each within 1 second and 256 MB."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from marketfit.bundle import ModelCard, check_unsealed, new_keys, seal
from marketfit.bundle.layout import GRAPH, SEAL_FILES
from marketfit.bundle.sign import write_signature
from marketfit.contract import Contract
from marketfit.testing.hostile import GOOD_GRAPHS, HOSTILE
from marketfit.testing.tiny import tiny_bundle

SECONDS, MEGABYTES = 1.0, 256.0


@dataclass(frozen=True)
class Seen:
    """What verification said of a bundle in a process of its own, and what it took."""

    refusal: str
    seconds: float
    megabytes: float


# Forked for each bundle: the peak memory of a child is its own, interpreter and imports included.
WORKER = """
import json, os, sys, time
from pathlib import Path
from marketfit.bundle import verify
from marketfit.errors import BundleError

for folder, key in json.load(sys.stdin):
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        began, refusal = time.perf_counter(), ""
        try:
            verify(Path(folder), key=Path(key) if key else None)
        except BundleError as error:
            refusal = str(error)
        with os.fdopen(writer, "w") as stream:
            json.dump([refusal, time.perf_counter() - began], stream)
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as stream:
        refusal, seconds = json.load(stream)
    usage = os.wait4(child, 0)[2]
    print(json.dumps([refusal, seconds, usage.ru_maxrss * 1024 / 1e6]), flush=True)
"""


def watch(orders: list[tuple[Path, Path | None]]) -> list[Seen]:
    done = subprocess.run(
        [sys.executable, "-P", "-c", WORKER],
        input=json.dumps([[str(folder), str(key) if key else None] for folder, key in orders]),
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return [Seen(*json.loads(line)) for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a sound bundle, another one, and two pairs of keys."""
    root = tmp_path_factory.mktemp("hostile")
    tiny_bundle(root / "sound", {"hello": "greeting", "bye": "farewell"}, labels=["farewell", "greeting"])
    tiny_bundle(root / "another", {"bye": "farewell", "hi": "greeting"}, labels=["greeting", "farewell"])
    new_keys(root / "ours")
    new_keys(root / "theirs")
    return root


@pytest.fixture(scope="module")
def refused(sound: Path) -> Iterator[dict[str, Seen]]:
    orders = []
    for number, hostile in enumerate(HOSTILE.values()):
        place = sound / f"{number}"
        place.mkdir()
        for name in ("another", "ours", "theirs"):
            (place / name).symlink_to(sound / name)
        shutil.copytree(sound / "sound", place / "bundle")
        hostile.change(place / "bundle")
        orders.append((place / "bundle", sound / hostile.key / "public.pem" if hostile.key else None))
    yield dict(zip(HOSTILE, watch(orders), strict=True))
    for number in range(len(HOSTILE)):
        shutil.rmtree(sound / f"{number}")


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_bundle_is_refused_by_name(refused: dict[str, Seen], name: str) -> None:
    seen = refused[name]
    assert HOSTILE[name].reason in seen.refusal
    assert seen.seconds < SECONDS, seen
    assert seen.megabytes < MEGABYTES, seen


def test_there_are_enough_of_them() -> None:
    assert len(HOSTILE) >= 60


def test_good_bundles_are_accepted(sound: Path, card: ModelCard) -> None:
    orders: list[tuple[Path, Path | None]] = []
    for number, made in enumerate(GOOD_GRAPHS.values()):
        open_folder = sound / f"open{number}"
        shutil.copytree(sound / "sound", open_folder, ignore=shutil.ignore_patterns(*SEAL_FILES))
        (open_folder / GRAPH).write_bytes(made.SerializeToString())
        check_unsealed(open_folder)
        orders.append(
            (seal(open_folder, contract=Contract(clauses=()), card=card, into=sound / f"good{number}").folder, None)
        )
    for number in range(4):
        words = {f"word{n}": f"l{n % (number + 2)}" for n in range(50)}
        labels = [f"l{n}" for n in range(number + 2)]
        made_folder = tiny_bundle(sound / f"words{number}", words, labels=labels, abstain_below=number / 10).folder
        write_signature(made_folder, sound / "ours" / "private.pem")
        orders.append((made_folder, sound / "ours" / "public.pem" if number % 2 else None))
    assert len(orders) >= 20
    for (folder, _), seen in zip(orders, watch(orders), strict=True):
        assert seen.refusal == "", folder
        assert seen.seconds < SECONDS, seen
        assert seen.megabytes < MEGABYTES, seen
