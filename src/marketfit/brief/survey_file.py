"""Of the brief: files of survey answers and their layouts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from marketfit.brief.section import MistakeError, Section, SourceFile


class WideSpec(Section):
    """A choice survey exported with one row for each respondent. Numbers in names of columns count from 1."""

    picked: Annotated[str, Field(pattern=r"\{task\}")] = Field(
        description="name of a task's answer column, such as 'CBC_Random{task}'"
    )
    shown: Annotated[str, Field(pattern=r"\{task\}")] | None = Field(
        default=None, description="name of the columns with what was shown: 'F-{task}-{alternative}-{attribute}'"
    )
    names: Annotated[str, Field(pattern=r"\{task\}")] | None = Field(
        default=None, description="name of the columns with attributes' names, 'F-{task}-{attribute}', if they move"
    )
    design: SourceFile | None = Field(
        default=None,
        description="file of the design: version, task, alternative, one column for each attribute, or what `columns` "
        "calls them",
    )
    version: str = Field(
        default="version",
        description="column of each answer's version; the design calls it so too, unless `columns` has `version`",
    )
    answers: tuple[str, ...] = Field(
        default=(), description="the answers that mean alternative 1, 2, …, if not numbers"
    )
    none: tuple[str, ...] = Field(default=(), description="answers that mean 'none of these'")
    codes: Mapping[str, Mapping[str, str | float]] = Field(
        default={}, description="attribute → code in the file → level"
    )
    skip_rows: Annotated[int, Field(ge=0)] = Field(
        default=0, description="rows below the header that hold no answers (Qualtrics: 2)"
    )

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if (self.shown is None) == (self.design is None):
            raise MistakeError("what was shown is in the rows or in a design file", "'shown' or 'design'", "give one")
        _check_parts("picked", self.picked, ("{task}",))
        _check_parts("shown", self.shown, ("{task}", "{alternative}", "{attribute}"))
        _check_parts("names", self.names, ("{task}", "{attribute}"))
        return self


def _check_parts(name: str, pattern: str | None, parts: tuple[str, ...]) -> None:
    """A pattern of names has each of its parts once, and no others."""
    if pattern is not None and sorted(re.findall(r"\{[^{}]*\}", pattern)) != sorted(parts):
        allowed = f"a name with {', '.join(parts)}, each once"
        raise MistakeError(f"'{name}' is '{pattern}'", allowed, "correct the name")


class SurveyFile(Section):
    """A file of survey answers. In a brief, the file's name alone stands for `{source: NAME}`."""

    source: SourceFile = Field(description="csv, tsv, jsonl or parquet")
    columns: Mapping[str, str] = Field(default={}, description="our name of a column → its name in the file")
    wide: WideSpec | None = Field(default=None, description="layout of an export with one row for each respondent")

    @model_validator(mode="before")
    @classmethod
    def _a_name_alone(cls, value: object) -> object:
        return {"source": value} if isinstance(value, str | Path) else value

    def __str__(self) -> str:
        return str(self.source)
