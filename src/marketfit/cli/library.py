"""`marketfit compress`: a model of somebody else's, without a brief."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from marketfit import engine, loop
from marketfit.brief import TargetSpec
from marketfit.cli.parts import Json, LedgerUrl, Quiet, SigningKey, TrustedKey, print_result
from marketfit.records.bundle import Device


def compress(  # noqa: PLR0913 - typer wants an argument for each option
    model: Annotated[Path, typer.Argument(metavar="MODEL_FOLDER", help="a Hugging Face sequence classifier")],
    data: Annotated[Path, typer.Option("--data", metavar="FILE", help="labelled rows: csv, tsv, jsonl or parquet")],
    require: Annotated[
        list[str], typer.Option("--require", metavar="BOUND", help="'latency_p95_ms<=2'; the first one ranks")
    ],
    input_column: Annotated[str, typer.Option("--input", metavar="COLUMN", help="of the texts")] = "text",
    label_column: Annotated[str, typer.Option("--label", metavar="COLUMN", help="of the labels")] = "label",
    device: Annotated[Device, typer.Option("--device", help="gpu: also an NVIDIA GPU, where it is faster")] = "cpu",
    threads: Annotated[int, typer.Option("--threads", min=1, max=256, help="of one request")] = 1,
    price_per_hour: Annotated[float | None, typer.Option(help="of the machine, to require a cost", min=0)] = None,
    processes: Annotated[
        int | None, typer.Option("--processes", min=5, max=1000, help="that time each variant (target.processes)")
    ] = None,
    minutes: Annotated[
        float | None, typer.Option("--minutes", min=0, help="for variants beyond the standard ones; default: 1")
    ] = None,
    workspace: Annotated[
        Path | None, typer.Option("--workspace", metavar="DIR", help="where runs live; default: beside the model")
    ] = None,
    ledger: LedgerUrl = None,
    sign: SigningKey = None,
    key: TrustedKey = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Compress a model that somebody else trained, and seal the best variant that keeps the requirements."""
    more = {} if processes is None else {"processes": processes}
    made = loop.compress_model(
        model,
        loop.LabelledFile(data, input_column, label_column),
        require,
        target=TargetSpec(device=device, threads=threads, price_per_hour=price_per_hour, **more),
        minutes=minutes,
        workspace=workspace,
        reporter=engine.reporter(quiet=quiet),
        ledger=ledger,
        keys=loop.Keys(sign, key),
    )
    print_result(made.as_text(), made.as_json(), as_json=as_json)
    raise typer.Exit(0 if made.status == "shipped" else 1)
