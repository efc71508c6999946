"""What every section of the brief is made of: strict fields, files that exist, mistakes that say what to do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationInfo

from marketfit.contract import METRICS
from marketfit.errors import Problem, nearest


class MistakesError(ValueError):
    """Several problems of one value, raised inside a validator; `where` is a dotted name of the brief."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(str(problem) for problem in problems))


class MistakeError(MistakesError):
    """One problem of one value; the reader of the brief fills in where it stands."""

    def __init__(self, found: str, allowed: str, do: str) -> None:
        super().__init__([Problem("", found, allowed, do)])


def _existing_file(path: Path, info: ValidationInfo) -> Path:
    base: Path = (info.context or {}).get("base", Path())
    full = path if path.is_absolute() else base / path
    if full.is_dir():
        raise MistakeError(f"'{path}' is a directory", "a file is wanted", "name a file inside it")
    if not full.is_file():
        raise MistakeError(
            f"there is no file '{path}'", f"looked in {full.parent}", "correct the path or put the file there"
        )
    return full


SourceFile = Annotated[Path, AfterValidator(_existing_file)]


class Section(BaseModel):
    """A section of the brief: unknown keys are mistakes, and nothing changes once it is read."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def check_metric(name: str) -> None:
    """Refuse what is no metric.

    Raises:
        MistakeError: it is none.
    """
    if name not in METRICS:
        raise MistakeError(f"unknown metric '{name}'", nearest(name, METRICS), "name a metric that is measured")
