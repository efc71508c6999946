"""What commands share: their common options, and how results are printed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from pydantic import JsonValue

from marketfit import loop

BriefPath = Annotated[Path, typer.Argument(metavar="BRIEF", help="the brief, a YAML file")]
BundlePath = Annotated[Path, typer.Argument(metavar="BUNDLE", help="a sealed bundle's folder")]
Json = Annotated[bool, typer.Option("--json", help="print one JSON document on standard output")]
Quiet = Annotated[bool, typer.Option("--quiet", help="no progress")]
WorkspaceDir = Annotated[
    Path | None, typer.Option("--workspace", metavar="DIR", help="where runs live; default: beside the brief")
]
LedgerUrl = Annotated[
    str | None,
    typer.Option(
        "--ledger",
        envvar="MARKETFIT_LEDGER",
        metavar="URL",
        help="the ledger's database; default: SQLite in the workspace",
    ),
]
RayAddress = Annotated[
    str | None,
    typer.Option(
        "--ray", metavar="ADDRESS", help="work on a Ray cluster: 'local' starts one here, or HOST:PORT, or 'auto'"
    ),
]
TrustedKey = Annotated[
    Path | None,
    typer.Option(
        "--key", envvar="MARKETFIT_KEY", metavar="PUBLIC", help="a trusted public key: what it did not sign is refused"
    ),
]
SigningKey = Annotated[
    Path | None,
    typer.Option(
        "--sign",
        envvar="MARKETFIT_SIGN",
        metavar="PRIVATE",
        help="sign the bundle with this key ('keys new' makes one)",
    ),
]
Reason = Annotated[str, typer.Option("--reason", help="why; it is written down")]


def print_result(text: str, document: JsonValue, *, as_json: bool) -> None:
    """Print text for people, or with --json the one document."""
    shown = json.dumps(document, ensure_ascii=False, allow_nan=False, indent=1) if as_json else text
    typer.echo(shown)


def print_options(options: list[loop.Option], *, as_json: bool) -> None:
    """Print options with their defaults and help."""
    text = "\n".join(f"{option.name:36} {option.default:24} {option.help}" for option in options)
    print_result(text, [option.model_dump(mode="json") for option in options], as_json=as_json)
