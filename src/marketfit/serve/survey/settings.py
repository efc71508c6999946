"""The options of the survey pages, each declared once: default, check and help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from marketfit.serve.settings import Settings


class SurveySettings(Settings):
    """Who may answer, and within which limits."""

    workspace: Path = Field(description="folder with the ledger")
    ledger_url: str | None = Field(default=None, description="the ledger's database; default: SQLite in the workspace")
    id_parameter: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_.-]*$")] = Field(
        default="id", description="query parameter in which a panel provider names the respondent"
    )
    require_id: bool = Field(default=False, description="only links with such an id may begin")
    max_respondents: Annotated[int, Field(ge=1)] | None = Field(
        default=None, description="people who may begin; default: as many as the survey is designed for"
    )
    max_body_bytes: Annotated[int, Field(ge=1)] = Field(default=65_536, description="bytes of a form that is sent")
    max_characters: Annotated[int, Field(ge=1)] = Field(default=5_000, description="characters of a written answer")
    drain_seconds: Annotated[int, Field(ge=1)] = Field(
        default=30, description="seconds that open requests get to finish when the server is stopped"
    )
