"""Of the brief: the labelled examples."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field

from marketfit.brief.section import Section, SourceFile


class DataSpec(Section):
    """Where the labelled examples are and what their columns mean."""

    source: SourceFile = Field(description="csv, tsv, jsonl or parquet")
    input: str = Field(description="column of the example")
    label: str = Field(description="column of the label")
    where: Mapping[str, tuple[str | int | float | bool, ...]] = Field(
        default={}, description="keep only rows whose column has one of these values; each of them has to occur"
    )
    split: str | None = Field(default=None, description="column with train, valid (val, dev) or test")
    group: str | None = Field(default=None, description="column whose equal values stay in one split")
    sensitive: tuple[str, ...] = Field(default=(), description="columns of the groups that fairness is about")
    unlabelled: SourceFile | None = Field(default=None, description="file of further examples without labels")
