"""The options of the server, each declared once: default, check and help."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from marketfit.errors import InputError, Problem, nearest


class Settings(BaseModel):
    """Base of a server's settings."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @classmethod
    def of(cls, values: Mapping[str, object]) -> Self:
        """Make settings from names and values, such as those of a command line.

        Raises:
            InputError: every name and value that is wrong.
        """
        try:
            return cls.model_validate(dict(values))
        except ValidationError as error:
            raise InputError(
                [_problem(cls, str(d["loc"][0]), d["type"], d["msg"], d["input"]) for d in error.errors()]
            ) from None

    @classmethod
    def options(cls) -> Iterator[tuple[str, str, str]]:
        """Every option: name, default, help."""
        for name, field in cls.model_fields.items():
            default = "required" if field.is_required() else "–" if field.default is None else str(field.default)
            yield name, default, field.description or ""


class ServeSettings(Settings):
    """What the server serves, and within which limits."""

    workspace: Path = Field(description="folder with the ledger and the bundles")
    bundle: Path | None = Field(default=None, description="a sealed bundle; without it, the champion is served")
    product: str | None = Field(
        default=None, description="product; default: the bundle's, or the only one with a champion"
    )
    ledger_url: str | None = Field(default=None, description="the ledger's database; default: SQLite in the workspace")
    key: Path | None = Field(
        default=None, description="a trusted public key's file: a bundle that its owner has not signed is refused"
    )
    audit_rate: Annotated[float, Field(ge=0, le=1)] = Field(
        default=0.05, description="share of the predictions that is kept for review, drawn uniformly"
    )
    max_body_bytes: Annotated[int, Field(ge=1)] = Field(default=1_000_000, description="bytes of a request's body")
    max_items: Annotated[int, Field(ge=1)] = Field(
        default=256, description="inputs, or items of feedback, in a request"
    )
    max_characters: Annotated[int, Field(ge=1)] = Field(
        default=10_000, description="characters of an input; of its JSON where it is not a text"
    )
    batch_window_ms: Annotated[float, Field(ge=0, le=1000)] = Field(
        default=2.0, description="milliseconds that a busy server waits for more requests to answer together"
    )
    max_batch: Annotated[int, Field(ge=1)] = Field(default=64, description="inputs that are answered together")
    max_waiting: Annotated[int, Field(ge=1)] = Field(
        default=2048, description="inputs that may wait; beyond, requests are turned away with status 503"
    )
    poll_seconds: Annotated[float, Field(gt=0)] = Field(
        default=2.0, description="seconds between two looks for a new champion"
    )
    drain_seconds: Annotated[int, Field(ge=1)] = Field(
        default=30, description="seconds that open requests get to finish when the server is stopped"
    )
    threads: Annotated[int, Field(ge=1, le=256)] | None = Field(
        default=None, description="threads of the model; default: as it was measured"
    )
    token: SecretStr | None = Field(default=None, description="clients must send 'Authorization: Bearer TOKEN'")
    review_token: SecretStr | None = Field(
        default=None, description="the token for /audit, /erase and truths; default: the clients' token"
    )


def _problem(settings: type[Settings], name: str, kind: str, message: str, given: object) -> Problem:
    where = f"server setting '{name}'"
    if kind == "extra_forbidden":
        return Problem(where, "there is no such setting", nearest(name, settings.model_fields), "rename or remove it")
    if kind == "missing":
        return Problem(where, "is missing", "it has no default", "give it")
    shown = "this value" if "token" in name else repr(given)[:60]
    return Problem(where, f"{shown} is not allowed", message[:1].lower() + message[1:], "correct it")
