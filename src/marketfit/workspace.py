"""The workspace: content-addressed blobs, atomic writes, one run at a time.

    WORKSPACE/
      ledger.sqlite     the ledger, unless a database URL is given
      blobs/ab/cdef….parquet
      folders/DIGEST/   folders put together from blobs (hard links; a cache, may be deleted)
      bundles/NAME/     sealed bundles
      runs/ID/          report.html and outcome.json of each run, and what its trackers write
      mlflow/           the database of MLflow, where a brief tracks to one without naming it
      tmp/              unfinished writes (swept when a run starts)

A write goes to a temporary name, is fsynced and renamed: a kill leaves either nothing or the whole file.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import io
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import TextIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from marketfit.errors import InputError, Problem, RunError
from marketfit.records.base import Blob, Folder, sha256_file


def fsync_directory(path: Path) -> None:
    """Make the names in a directory durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_atomic(path: Path, content: bytes) -> None:
    """Write a whole file or nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    fsync_directory(path.parent)


def make_place(workspace: Path, folder: Path) -> None:
    """Make a folder for a workspace or inside it, where it is not there yet.

    Raises:
        InputError: it can't be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError([_unusable(workspace, error.strerror)]) from error


def _unusable(workspace: Path, reason: str | None) -> Problem:
    do = "correct its permissions, or name another with --workspace"
    found = f"cannot be used as a workspace ({reason})"
    return Problem(str(workspace), found, "a folder that you may write to", do)


_FOLDERS = ("blobs", "folders", "bundles", "runs", "tmp")


class Workspace:
    """The folder in which runs of one or more products live."""

    def __init__(self, root: Path) -> None:
        """Open or create a workspace.

        Raises:
            InputError: the path is not a folder or can't be written.
        """
        self.root = root.resolve()
        for name in _FOLDERS:
            make_place(root, self.root / name)

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the workspace for one run; sweep what an earlier kill left unfinished.

        Raises:
            InputError: another run holds it, or it may only be read.
        """
        with self._lock_file() as stream:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                problem = Problem(
                    str(self.root), "another run is using this workspace", "one run at a time", "wait for it to end"
                )
                raise InputError([problem]) from None
            for leftover in (self.root / "tmp").iterdir():
                shutil.rmtree(leftover, ignore_errors=True)
            yield

    def _lock_file(self) -> TextIO:
        for name in _FOLDERS:
            if not os.access(self.root / name, os.R_OK | os.W_OK | os.X_OK):
                raise InputError([_unusable(self.root, f"'{name}' can't be written")])
        try:
            return (self.root / "lock").open("w")
        except OSError as error:
            raise InputError([_unusable(self.root, error.strerror)]) from error

    @contextlib.contextmanager
    def scratch(self) -> Iterator[Path]:
        """A temporary folder inside the workspace, gone afterwards."""
        folder = Path(tempfile.mkdtemp(dir=self.root / "tmp"))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    # --- blobs

    def put_bytes(self, content: bytes, *, suffix: str) -> Blob:
        """Store bytes under their digest."""
        blob = Blob(sha256=hashlib.sha256(content).hexdigest(), bytes=len(content), suffix=suffix)
        path = self._blob_path(blob)
        if not path.exists():
            write_atomic(path, content)
        return blob

    def put_file(self, source: Path, *, suffix: str | None = None) -> Blob:
        """Store a copy of a file under its digest."""
        blob = Blob(
            sha256=sha256_file(source),
            bytes=source.stat().st_size,
            suffix=source.suffix if suffix is None else suffix,
        )
        path = self._blob_path(blob)
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            with self.scratch() as folder:
                copy = folder / "copy"
                shutil.copyfile(source, copy)
                with copy.open("rb") as stream:
                    os.fsync(stream.fileno())
                copy.replace(path)
            fsync_directory(path.parent)
        return blob

    def path(self, blob: Blob) -> Path:
        """Where a blob lies.

        Raises:
            RunError: the ledger names a blob that is not there whole.
        """
        path = self._blob_path(blob)
        if not path.is_file() or path.stat().st_size != blob.bytes:
            raise RunError(f"{path}: the ledger names this blob, but it is missing or cut short; restore it")
        return path

    def _blob_path(self, blob: Blob) -> Path:
        return self.root / "blobs" / blob.sha256[:2] / f"{blob.sha256[2:]}{blob.suffix}"

    # --- tables and matrices

    def put_table(self, table: pa.Table) -> Blob:
        """Store a table as Parquet."""
        sink = io.BytesIO()
        pq.write_table(table, sink, compression="zstd")
        return self.put_bytes(sink.getvalue(), suffix=".parquet")

    def table(self, blob: Blob) -> pa.Table:
        """Read a stored table."""
        return pq.read_table(self.path(blob))

    def put_array(self, array: NDArray[np.float32]) -> Blob:
        """Store a matrix as `.npy`."""
        sink = io.BytesIO()
        np.save(sink, np.ascontiguousarray(array), allow_pickle=False)
        return self.put_bytes(sink.getvalue(), suffix=".npy")

    def array(self, blob: Blob) -> NDArray[np.float32]:
        """Read a stored matrix."""
        loaded: NDArray[np.float32] = np.load(self.path(blob), allow_pickle=False)
        return loaded

    # --- folders

    def put_folder(self, source: Path) -> Folder:
        """Store every file of a folder; symbolic links are refused."""
        files: dict[str, Blob] = {}
        for path in sorted(source.rglob("*")):
            if path.is_symlink():
                raise RunError(f"{path}: a symbolic link can't be stored; copy the file itself")
            if path.is_file():
                files[path.relative_to(source).as_posix()] = self.put_file(path)
        return Folder(files=files)

    def open_folder(self, folder: Folder) -> Path:
        """A folder with these files, put together from blobs by hard links. Treat it as read-only."""
        target = self.root / "folders" / folder.digest()
        if target.is_dir():
            return target
        with self.scratch() as scratch:
            whole = scratch / "folder"
            self.copy_folder(folder, whole, link=True)
            with contextlib.suppress(OSError):  # another process was first: the same bytes
                whole.rename(target)
        return target

    def copy_folder(self, folder: Folder, into: Path, *, link: bool = False) -> None:
        """Write the files of a folder to a place of the caller's."""
        into.mkdir(parents=True, exist_ok=True)
        for name, blob in folder.files.items():
            if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
                raise RunError(f"{name}: a stored folder names a file outside itself")
            place = into / name
            place.parent.mkdir(parents=True, exist_ok=True)
            if link:
                try:
                    os.link(self.path(blob), place)
                    continue
                except OSError:  # a file system without hard links
                    place.unlink(missing_ok=True)
            shutil.copyfile(self.path(blob), place)
