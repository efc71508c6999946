"""The one registry: named parts found through entry points, with "did you mean".

Built-ins come through the same door as anybody's plug-in: an entry point in the group `marketfit.KIND`.
"""

from __future__ import annotations

import importlib.util
import pkgutil
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

from marketfit.errors import InputError, MissingExtraError, Problem, nearest

if TYPE_CHECKING:
    from marketfit.task import Runtime, Surgeon, Trainer

Kind = Literal["trainers", "runtimes", "surgeons", "terms", "passes", "instruments"]

# The extra that a kind's heavy packages belong to, for the error that says what to install.
_EXTRA: dict[str, str] = {"trainers": "train", "surgeons": "train", "terms": "train", "passes": "train"}


def names(kind: Kind) -> tuple[str, ...]:
    """All registered names of a kind, sorted."""
    return tuple(sorted(_found(kind)))


def load(kind: Kind, name: str) -> object:
    """Load one registered part.

    Raises:
        InputError: no part of that name.
        MissingExtraError: a package that it needs is not installed.
    """
    place = _own(kind).get(name) or _found(kind).get(name)
    if place is None:
        problem = Problem(f"{kind}", f"there is no '{name}'", nearest(name, _found(kind)), "use a registered name")
        raise InputError([problem])
    try:
        return pkgutil.resolve_name(place)
    except ModuleNotFoundError as missing:
        if missing.name and not missing.name.startswith("marketfit"):
            raise MissingExtraError(_EXTRA.get(kind, "all"), missing.name) from missing
        raise


def trainer(task: str) -> Trainer:
    """The Trainer of a task."""
    return cast("type[Trainer]", load("trainers", task))()


def runtime(task: str) -> type[Runtime]:
    """The Runtime class of a task; imports nothing heavy."""
    return cast("type[Runtime]", load("runtimes", task))


def surgeon(task: str) -> Surgeon:
    """The Surgeon of a task."""
    return cast("type[Surgeon]", load("surgeons", task))()


def is_installed(package: str) -> bool:
    """Whether a package could be imported; nothing of it is. A folder of its name that lies about is none."""
    found = importlib.util.find_spec(package)
    return found is not None and found.origin is not None


def _found(kind: Kind) -> dict[str, str]:
    """Name → place, of every installed package."""
    from importlib.metadata import entry_points

    return {point.name: f"{point.module}:{point.attr}" for point in entry_points(group=f"marketfit.{kind}")}


def _own(kind: Kind) -> dict[str, str]:
    """Name → place, of marketfit's own parts; empty where it was never installed.

    Read from the file itself: `importlib.metadata` brings email and zipfile, which is 0.04 s of a start.
    """
    files = (file for folder in sys.path for file in Path(folder).glob("marketfit-*.dist-info/entry_points.txt"))
    written = next((file.read_text("utf-8") for file in files), "")
    section = re.search(rf"^\[marketfit\.{kind}\]$([^\[]*)", written, re.MULTILINE)
    return dict(re.findall(r"^(\S+) *= *(\S+)$", section[1], re.MULTILINE)) if section else {}
