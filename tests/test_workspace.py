"""Blobs: whole or not there at all."""

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketfit.errors import InputError, RunError
from marketfit.records.base import Folder
from marketfit.workspace import Workspace, make_place, write_atomic


@given(content=st.binary(max_size=1000))
def test_bytes_round_trip(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    place = Workspace(tmp_path_factory.mktemp("w"))
    blob = place.put_bytes(content, suffix=".bin")
    assert place.path(blob).read_bytes() == content
    assert place.put_bytes(content, suffix=".bin") == blob


def test_tables_and_matrices_round_trip(tmp_path: Path) -> None:
    place = Workspace(tmp_path)
    table = pa.table({"row": [1, 2], "input": ["a", None]})
    assert place.table(place.put_table(table)).equals(table)
    matrix = np.arange(6, dtype=np.float32).reshape(2, 3)
    assert np.array_equal(place.array(place.put_array(matrix)), matrix)


def test_folders_round_trip_and_refuse_links_and_escapes(tmp_path: Path) -> None:
    place = Workspace(tmp_path / "w")
    source = tmp_path / "source"
    (source / "deep").mkdir(parents=True)
    (source / "a.txt").write_text("a")
    (source / "deep" / "b.txt").write_text("b")
    folder = place.put_folder(source)
    opened = place.open_folder(folder)
    assert (opened / "deep" / "b.txt").read_text() == "b"
    assert place.open_folder(folder) == opened
    (source / "link").symlink_to("/etc/hostname")
    with pytest.raises(RunError, match="symbolic link"):
        place.put_folder(source)
    escape = Folder(files={"../escape": folder.files["a.txt"]})
    with pytest.raises(RunError, match="outside"):
        place.open_folder(escape)


def test_a_blob_cut_short_is_noticed(tmp_path: Path) -> None:
    place = Workspace(tmp_path)
    blob = place.put_bytes(b"whole", suffix="")
    place.path(blob).write_bytes(b"who")
    with pytest.raises(RunError, match="cut short"):
        place.path(blob)


def test_two_runs_cannot_hold_one_workspace(tmp_path: Path) -> None:
    place = Workspace(tmp_path)
    with place.lock(), pytest.raises(InputError, match="another run"), Workspace(tmp_path).lock():
        pass


def test_a_lock_sweeps_what_a_kill_left(tmp_path: Path) -> None:
    place = Workspace(tmp_path)
    (place.root / "tmp" / "left").mkdir()
    with place.lock():
        assert list((place.root / "tmp").iterdir()) == []


def test_a_file_in_the_way_of_the_workspace(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be used"):
        Workspace(tmp_path / "file")


@pytest.mark.parametrize("closed", ["lock", "blobs"])
def test_a_workspace_that_may_only_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, closed: str) -> None:
    """As on a read-only mount: it is there, so that it can be opened to read, but no run can hold it."""
    place = Workspace(tmp_path)
    opened, allowed = Path.open, os.access

    def refuse(path: Path, mode: str = "r") -> object:
        if path.name == closed and "w" in mode:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))
        return opened(path, mode)

    monkeypatch.setattr(Path, "open", refuse)
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path).name != closed and allowed(path, mode))
    with pytest.raises(InputError, match=r"cannot be used as a workspace.*--workspace"), place.lock():
        pass


def test_a_place_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="--workspace"):
        make_place(tmp_path / "file" / "inside", tmp_path / "file" / "inside")


def test_atomic_writes_survive_a_kill(tmp_path: Path) -> None:
    """Kill a process that rewrites one file over and over: a reader never sees a part of it."""
    target = tmp_path / "file"
    program = (
        "import pathlib, sys; from marketfit.workspace import write_atomic; p = pathlib.Path(sys.argv[1])\n"
        "write_atomic(p, b'0' * 300000); print('on', flush=True); i = 0\n"
        "while True: i += 1; write_atomic(p, (b'%d' % (i % 10)) * 300000)"
    )
    for _ in range(3):
        child = subprocess.Popen([sys.executable, "-c", program, str(target)], stdout=subprocess.PIPE)
        assert child.stdout is not None
        child.stdout.readline()
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        child.stdout.close()
        content = target.read_bytes()
        assert len(content) == 300000
        assert len(set(content)) == 1
    write_atomic(target, b"end")
    assert target.read_bytes() == b"end"
