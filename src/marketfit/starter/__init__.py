"""A product to start from: a commented brief and 160 short messages to an invented shop, written by hand."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from marketfit.errors import InputError, Problem
from marketfit.workspace import write_atomic

FILES = ("messages.csv", "brief.yaml")
"""The brief comes last: where it is, all is there."""


def write_starter(into: Path) -> Path:
    """Write the starter into a folder that does not exist yet or is empty; gives the path of its brief.

    Raises:
        InputError: there is something in the folder already, or it can't be written.
    """
    try:
        into.mkdir(parents=True, exist_ok=True)
        found = sorted(path.name for path in into.iterdir())
        if found:
            shown = ", ".join(found[:5]) + (" …" if len(found) > 5 else "")
            raise InputError([Problem(str(into), f"holds {shown}", "an empty or new folder", "name another folder")])
        for name in FILES:
            write_atomic(into / name, resources.files(__name__).joinpath(name).read_bytes())
    except OSError as error:
        problem = Problem(str(into), f"cannot be written ({error.strerror})", "an empty or new folder", "name another")
        raise InputError([problem]) from error
    return into / "brief.yaml"
