"""`marketfit keys`: parse, call, print."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from pydantic import JsonValue

from marketfit import bundle
from marketfit.cli.parts import Json, print_result

keys_app = typer.Typer(help="Keys that sign bundles, and that signatures are checked with.", no_args_is_help=True)


@keys_app.command()
def new(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="where the two files are written")],
    as_json: Json = False,
) -> None:
    """Write a new pair of Ed25519 keys: private.pem signs (keep it secret), public.pem is what others trust."""
    made = bundle.new_keys(folder)
    text = f"sign with:  {made.private}\ntrust with: {made.public}\npublic key: {made.public_key}"
    document: dict[str, JsonValue] = {
        "status": "done",
        "private": str(made.private),
        "public": str(made.public),
        "public_key": made.public_key,
    }
    print_result(text, document, as_json=as_json)
