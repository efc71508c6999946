"""`marketfit survey`: parse, call, print."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from marketfit import loop
from marketfit.cli.parts import Json, print_options, print_result
from marketfit.errors import InputError, Problem

survey_app = typer.Typer(help="Ask the market: design a survey, serve it, read and report the answers.",
                         no_args_is_help=True)  # fmt: skip

SurveyPath = Annotated[Path, typer.Argument(metavar="SURVEY", help="the survey, a YAML file")]


@survey_app.command()
def design(
    survey: Annotated[Path | None, typer.Argument(metavar="SURVEY", help="the survey, a YAML file")] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="where the design is written; default: beside the file")
    ] = None,
    as_json: Json = False,
    options: Annotated[bool, typer.Option("--options", help="list every option of a survey with its help")] = False,
) -> None:
    """Design every part of a survey: what each respondent is asked, as one file to serve and tables to look at."""
    if options:
        print_options(loop.survey_file_options(), as_json=as_json)
        return
    if survey is None:
        raise InputError([Problem("command line", "no survey is named", "marketfit survey design SURVEY", "name one")])
    made = loop.design_survey(survey, out=out)
    print_result(made.as_text(), made.model_dump(mode="json"), as_json=as_json)
