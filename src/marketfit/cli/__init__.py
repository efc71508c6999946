"""The command line: parse, call, print. No logic lives here.

Results go to standard output, progress and logs to standard error. Exit status: 0 done, 1 a contract that is not
met, 2 bad input or a tampered bundle, 3 an internal error.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from pathlib import Path
from typing import Annotated

import typer
from typer._click.exceptions import ClickException  # typer brings its own click, and exports only some of its errors

from marketfit import engine, loop
from marketfit.bundle.exports import Format
from marketfit.cli.keys import keys_app
from marketfit.cli.library import compress
from marketfit.cli.parts import (
    BriefPath,
    BundlePath,
    Json,
    LedgerUrl,
    Quiet,
    RayAddress,
    Reason,
    SigningKey,
    TrustedKey,
    WorkspaceDir,
    print_options,
    print_result,
)
from marketfit.cli.survey import survey_app
from marketfit.errors import InputError, MarketfitError, Problem, ToldError, as_marketfit
from marketfit.starter import write_starter

app = typer.Typer(
    name="marketfit",
    help="Product–market fit, with fit(): from a product brief to the model that best serves its market.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(keys_app, name="keys")
app.add_typer(survey_app, name="survey")
app.command()(compress)


@app.command()
def new(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="a folder that does not exist yet, or is empty")],
    as_json: Json = False,
) -> None:
    """Make a folder with a commented brief and a small data file to start from."""
    path = write_starter(folder)
    print_result(f"{path}\nNext: marketfit check {path}", {"status": "done", "brief": str(path)}, as_json=as_json)


@app.command()
def check(
    brief: Annotated[Path | None, typer.Argument(metavar="BRIEF", help="the brief, a YAML file")] = None,
    workspace: WorkspaceDir = None,
    ledger: LedgerUrl = None,
    as_json: Json = False,
    quiet: Quiet = False,
    options: Annotated[bool, typer.Option("--options", help="list every option of a brief with its help")] = False,
) -> None:
    """Check a brief and its files before any training: rows needed for each proof, time needed for the run."""
    if options:
        print_options(loop.brief_options(), as_json=as_json)
        return
    if brief is None:
        raise InputError([Problem("command line", "no brief is named", "marketfit check BRIEF", "name one")])
    told = engine.reporter(quiet=quiet)
    found = loop.check(brief, workspace=workspace, reporter=told, ledger=ledger)
    print_result(found.as_text(), found.model_dump(mode="json"), as_json=as_json)


@app.command()
def run(
    brief: BriefPath,
    workspace: WorkspaceDir = None,
    ledger: LedgerUrl = None,
    ray: RayAddress = None,
    sign: SigningKey = None,
    key: TrustedKey = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Take a brief through the loop to a bundle and a report. The same command again resumes."""
    told = engine.reporter(quiet=quiet)
    keys = loop.Keys(sign, key)
    outcome = loop.fit(brief, workspace=workspace, reporter=told, ledger=ledger, ray=ray, keys=keys)
    print_result(outcome.as_text(), outcome.as_json(), as_json=as_json)
    raise typer.Exit(0 if outcome.status == "shipped" else 1)


@app.command()
def report(brief: BriefPath, workspace: WorkspaceDir = None, as_json: Json = False) -> None:
    """Say where the newest report of a product is."""
    path = loop.newest_report(brief, workspace=workspace)
    print_result(str(path), {"status": "done", "report": str(path)}, as_json=as_json)


@app.command()
def predict(
    bundle: BundlePath,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="csv, tsv, jsonl, parquet, or txt with one input a line")
    ],
    column: Annotated[
        str | None, typer.Option("--column", help="column of the inputs; default: the training column")
    ] = None,
    threads: Annotated[int | None, typer.Option("--threads", min=1, help="default: as measured")] = None,
    ray: RayAddress = None,
    key: TrustedKey = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Label every row of a file, as a stream: CSV on standard output, or with --json a list of objects.

    A list that ends early ends with an object whose status is "error".
    """
    told = engine.reporter(quiet=quiet)
    answers = loop.predict_file(bundle, file, column=column, threads=threads, progress=told, ray=ray, key=key)
    (loop.write_json if as_json else loop.write_csv)(answers, sys.stdout)


@app.command()
def serve(
    brief: Annotated[Path, typer.Argument(metavar="BRIEF_OR_BUNDLE", help="a brief (its champion) or a bundle")],
    workspace: WorkspaceDir = None,
    ledger: LedgerUrl = None,
    host: Annotated[str, typer.Option(help="address to listen on")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any free one, printed")] = 8000,
    setting: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="a server setting; 'serve --set help' lists them"),
    ] = None,
    key: TrustedKey = None,
    as_json: Json = False,
) -> None:
    """Serve the champion over HTTP and write down what users say. A new champion is picked up without a restart."""
    if setting == ["help"]:
        print_options(loop.serve_options(), as_json=as_json)
        return
    address = loop.serving(
        brief, workspace=workspace, ledger=ledger, host=host, port=port, settings=setting or [], key=key
    )
    with address as server:
        print_result(
            f"serving {server.product} on {server.url}", {"status": "serving", "url": server.url}, as_json=as_json
        )
        sys.stdout.flush()
        server.wait()


@app.command()
def feedback(
    brief: BriefPath,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="jsonl or csv: corrections, thumbs, truths, new examples")
    ],
    workspace: WorkspaceDir = None,
    ledger: LedgerUrl = None,
    as_json: Json = False,
) -> None:
    """Write feedback from a file into the ledger."""
    added = loop.add_feedback(brief, file, workspace=workspace, ledger=ledger)
    print_result(added.as_text(), added.model_dump(mode="json"), as_json=as_json)


@app.command()
def improve(
    brief: BriefPath,
    workspace: WorkspaceDir = None,
    ledger: LedgerUrl = None,
    ray: RayAddress = None,
    sign: SigningKey = None,
    key: TrustedKey = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Learn from feedback: train a challenger and let it prove itself against the champion."""
    told = engine.reporter(quiet=quiet)
    keys = loop.Keys(sign, key)
    outcome = loop.improve(brief, workspace=workspace, reporter=told, ledger=ledger, ray=ray, keys=keys)
    print_result(outcome.as_text(), outcome.as_json(), as_json=as_json)


@app.command()
def promote(
    brief: BriefPath,
    bundle: BundlePath,
    reason: Reason,
    workspace: WorkspaceDir = None,
    ledger: LedgerUrl = None,
    key: TrustedKey = None,
    as_json: Json = False,
) -> None:
    """Put a bundle into service by hand."""
    made = loop.promote(brief, bundle, reason=reason, workspace=workspace, ledger=ledger, key=key)
    print_result(made.as_text(), made.model_dump(mode="json"), as_json=as_json)


@app.command()
def rollback(
    brief: BriefPath,
    reason: Reason,
    workspace: WorkspaceDir = None,
    ledger: LedgerUrl = None,
    key: TrustedKey = None,
    as_json: Json = False,
) -> None:
    """Put the champion before this one back into service."""
    made = loop.rollback(brief, reason=reason, workspace=workspace, ledger=ledger, key=key)
    print_result(made.as_text(), made.model_dump(mode="json"), as_json=as_json)


@app.command()
def verify(  # noqa: PLR0913 - typer wants an argument for each option
    bundle: BundlePath,
    data: Annotated[
        Path | None, typer.Option("--data", metavar="FILE", help="labelled rows; default: the test rows")
    ] = None,
    columns: Annotated[tuple[str, str], typer.Option("--columns", metavar="INPUT LABEL", help="of --data")] = (
        "text",
        "label",
    ),
    price_per_hour: Annotated[
        float | None, typer.Option(help="of this machine, where a cost is promised", min=0)
    ] = None,
    workspace: WorkspaceDir = None,
    ledger: LedgerUrl = None,
    key: TrustedKey = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Check every byte of a bundle and measure its contract again on this machine."""
    found = loop.verify(
        bundle,
        workspace=workspace,
        data=loop.LabelledFile(data, *columns) if data else None,
        price_per_hour=price_per_hour,
        reporter=engine.reporter(quiet=quiet),
        ledger=ledger,
        key=key,
    )
    print_result(found.as_text(), found.as_json(), as_json=as_json)
    raise typer.Exit(0 if found.contract.kept else 1)


@app.command()
def export(
    bundle: BundlePath,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="a folder that does not exist yet, or is empty")],
    to: Annotated[Format, typer.Option("--to", help="whose layout")],
    key: TrustedKey = None,
    as_json: Json = False,
) -> None:
    """Write a bundle, once verified, as a Hugging Face folder (ONNX and tokenizer) or as an MLflow model."""
    made = loop.export(bundle, to=to, into=folder, key=key)
    print_result(made.as_text(), made.model_dump(mode="json"), as_json=as_json)


def main() -> None:
    """Run the command line; every outcome becomes its exit status."""
    arguments = sys.argv[1:]
    _share_cores()
    try:
        status = app(args=arguments, standalone_mode=False)
        code = status if isinstance(status, int) else 0
    except typer.Exit as stop:
        code = stop.exit_code
    except ClickException as misuse:
        problem = Problem("command line", misuse.format_message(), "see --help", "correct the command")
        code = _fail(InputError([problem]), as_json="--json" in arguments)
    except ToldError as told:
        if told.error is not told.__cause__:
            traceback.print_exc()
        code = told.error.exit_status
    except MarketfitError as error:
        code = _fail(error, as_json="--json" in arguments)
    except (KeyboardInterrupt, typer.Abort):
        sys.stderr.write("stopped; the same command resumes\n")
        code = 130
    except BrokenPipeError:  # the reader of standard output went away
        sys.stderr.close()
        code = 0
    except Exception as error:
        traceback.print_exc()
        code = _fail(as_marketfit(error), as_json="--json" in arguments)
    sys.exit(code)


def _share_cores() -> None:
    """Let threads of a training sleep while they wait for each other; read when torch is loaded, in children too.

    Threads that wait busily take the cores from whatever else runs: two trainings on two cores took 480 ms a step each,
    and 220 with this; one beside a busy program 317 and 192; one alone 125 and 135, within the noise.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def _fail(error: MarketfitError, *, as_json: bool) -> int:
    if as_json:
        typer.echo(json.dumps(error.document(), ensure_ascii=False))
    else:
        sys.stderr.write(f"marketfit: {error}\n")
    return error.exit_status
