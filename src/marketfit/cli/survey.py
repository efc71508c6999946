"""`marketfit survey`: parse, call, print."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from marketfit import engine, loop
from marketfit.cli.parts import Json, LedgerUrl, Quiet, WorkspaceDir, print_options, print_result
from marketfit.errors import InputError, Problem

survey_app = typer.Typer(help="Ask the market: design a survey, serve it, read and report the answers.",
                         no_args_is_help=True)  # fmt: skip

SurveyPath = Annotated[Path, typer.Argument(metavar="SURVEY", help="a survey file, or the folder of its design")]
MarketPath = Annotated[
    Path, typer.Argument(metavar="BRIEF", help="the brief, a YAML file; its product and market are enough")
]
SurveyWorkspace = Annotated[
    Path | None, typer.Option("--workspace", metavar="DIR", help="where the ledger lives; default: beside the survey")
]


_ASKED = loop.PrecisionAsked()


def _asked(name: str) -> str:
    """The help of an option of the diagnosis, as it is declared."""
    return loop.PrecisionAsked.model_fields[name].description or ""


@survey_app.command()
def design(
    survey: Annotated[Path | None, typer.Argument(metavar="SURVEY", help="the survey, a YAML file")] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="where the design is written; default: beside the file")
    ] = None,
    respondents: Annotated[int | None, typer.Option("--respondents", metavar="N", help=_asked("respondents"))] = None,
    notice: Annotated[float, typer.Option("--notice", metavar="SHARE", help=_asked("notice"))] = _ASKED.notice,
    power: Annotated[float, typer.Option("--power", metavar="SHARE", help=_asked("power"))] = _ASKED.power,
    margin: Annotated[float, typer.Option("--margin", metavar="SHARE", help=_asked("margin"))] = _ASKED.margin,
    as_json: Json = False,
    options: Annotated[bool, typer.Option("--options", help="list every option of a survey with its help")] = False,
) -> None:
    """Design every part of a survey: what each respondent is asked, as one file to serve and tables to look at; and say
    what a choice survey will be able to tell, and how many people that takes."""
    if options:
        print_options(loop.survey_file_options(), as_json=as_json)
        return
    if survey is None:
        raise InputError([Problem("command line", "no survey is named", "marketfit survey design SURVEY", "name one")])
    asked = loop.PrecisionAsked.of({"respondents": respondents, "notice": notice, "power": power, "margin": margin})
    made = loop.design_survey(survey, out=out, asked=asked)
    print_result(made.as_text(), made.model_dump(mode="json"), as_json=as_json)


@survey_app.command()
def serve(
    survey: SurveyPath,
    workspace: SurveyWorkspace = None,
    ledger: LedgerUrl = None,
    host: Annotated[str, typer.Option(help="address to listen on")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any free one, printed")] = 8000,
    setting: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="a setting of the pages; '--set help' lists them"),
    ] = None,
    as_json: Json = False,
) -> None:
    """Serve a survey as pages for phones and computers; every answer is in the ledger before the next page."""
    if setting == ["help"]:
        print_options(loop.survey_serve_options(), as_json=as_json)
        return
    serving = loop.serving_survey(
        survey, workspace=workspace, ledger=ledger, host=host, port=port, settings=setting or []
    )
    with serving as server:
        print_result(
            f"serving the survey {server.product} on {server.url}",
            {"status": "serving", "survey": server.product, "url": server.url},
            as_json=as_json,
        )
        sys.stdout.flush()
        server.wait()


@survey_app.command()
def read(
    survey: SurveyPath,
    workspace: SurveyWorkspace = None,
    ledger: LedgerUrl = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="default: 'answers' in the folder of the design")
    ] = None,
    as_json: Json = False,
) -> None:
    """Write the answers of a survey as the files that a brief names, and say who has answered."""
    made = loop.read_survey(survey, workspace=workspace, ledger=ledger, out=out)
    print_result(made.as_text(), made.model_dump(mode="json"), as_json=as_json)
    raise typer.Exit(0 if made.readable else 2)


@survey_app.command()
def report(
    brief: MarketPath,
    workspace: WorkspaceDir = None,
    ledger: LedgerUrl = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Estimate the market from the survey files of a brief and write the market report; nothing is trained."""
    made = loop.report_market(brief, workspace=workspace, ledger=ledger, reporter=engine.reporter(quiet=quiet))
    print_result(made.as_text(), made.model_dump(mode="json"), as_json=as_json)


@survey_app.command()
def simulate(  # noqa: PLR0913 - a command line has its options as arguments
    brief: MarketPath,
    changes: Annotated[
        list[str] | None, typer.Option("--set", metavar="[OFFER.]ATTRIBUTE=VALUE", help="what if; default: our offer")
    ] = None,
    available: Annotated[
        list[str] | None, typer.Option("--available", metavar="OFFER=SHARE", help="share of people who can get it")
    ] = None,
    line: Annotated[
        int | None, typer.Option("--line", min=1, metavar="COUNT", help="search the best lines of up to so many offers")
    ] = None,
    offered: Annotated[
        list[str] | None,
        typer.Option("--offer", metavar="ATTRIBUTE=VALUE,…", help="values to make lines of; default: the brief's"),
    ] = None,
    react: Annotated[
        bool, typer.Option("--react", help="let rivals answer our price (Bertrand-Nash); does it survive?")
    ] = False,
    workspace: WorkspaceDir = None,
    ledger: LedgerUrl = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Predict the shares of our offer as promised, the competitors and none; change any attribute, search the best
    product line, let rivals answer."""
    question = loop.MarketQuestion(
        changes=tuple(changes or ()), availability=tuple(available or ()), offered=tuple(offered or ()), line=line,
        react=react,
    )  # fmt: skip
    made = loop.simulate_market(
        brief, question=question, workspace=workspace, ledger=ledger, reporter=engine.reporter(quiet=quiet)
    )
    print_result(made.as_text(), made.model_dump(mode="json"), as_json=as_json)
