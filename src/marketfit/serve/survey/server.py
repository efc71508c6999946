"""Survey pages on a socket; the web framework is imported here, when a server is made."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from marketfit.errors import MissingExtraError
from marketfit.ledger import Ledger
from marketfit.records.questionnaire import Survey
from marketfit.serve.server import Server, listening
from marketfit.serve.survey.settings import SurveySettings
from marketfit.serve.survey.visits import Visits


@contextlib.contextmanager
def running_survey(
    survey: Survey, settings: SurveySettings, *, host: str = "127.0.0.1", port: int = 0
) -> Iterator[Server]:
    """A server of a survey's pages that answers inside the block and is drained at its end.

    Several processes may serve one survey from one ledger.

    Raises:
        InputError: the ledger can't be opened, or the address can't be listened on.
        MissingExtraError: the extra `serve` is not installed.
    """
    try:
        from marketfit.serve.survey.app import make_survey_app
    except ModuleNotFoundError as missing:
        if missing.name and not missing.name.startswith("marketfit"):
            raise MissingExtraError("serve", missing.name) from missing
        raise
    ledger = Ledger.beside(settings.workspace, url=settings.ledger_url)
    try:
        ledger.check_writable()
        app = make_survey_app(Visits(survey, ledger, settings))
        with listening(app, name=survey.name, host=host, port=port, drain_seconds=settings.drain_seconds) as server:
            yield server
    finally:
        ledger.close()
