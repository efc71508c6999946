"""A workspace with a real tiny champion: word wN belongs to label lN."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from marketfit.bundle import Sealed
from marketfit.ledger import Ledger, champion
from marketfit.loop.surveys import open_survey
from marketfit.records.questionnaire import Survey
from marketfit.serve.server import Server
from marketfit.serve.survey import SurveySettings, running_survey
from marketfit.testing import tiny_bundle

WORDS = 200
LABELS = [f"l{number}" for number in range(WORDS)]
Seal = Callable[..., Sealed]


@pytest.fixture(scope="session")
def seal_words(tmp_path_factory: pytest.TempPathFactory) -> Seal:
    """Seal a bundle in which word wN has label l(N + shift)."""

    def seal(into: Path | None = None, *, shift: int = 0) -> Sealed:
        words = {f"w{number}": LABELS[(number + shift) % WORDS] for number in range(WORDS)}
        return tiny_bundle(into or tmp_path_factory.mktemp("bundles") / "b", words, labels=LABELS, abstain_below=0.3)

    return seal


@pytest.fixture
def workspace(tmp_path: Path, seal_words: Seal) -> Path:
    """A workspace whose ledger names a champion of the product `tiny`."""
    root = tmp_path / "workspace"
    sealed = seal_words(root / "bundles" / "first")
    ledger = Ledger.beside(root)
    champion.promote(ledger, "tiny", root, sealed.folder, reason="first bundle")
    ledger.close()
    return root


@pytest.fixture
def ledger(workspace: Path) -> Iterator[Ledger]:
    """The workspace's ledger, beside the server's own connections."""
    opened = Ledger.beside(workspace)
    yield opened
    opened.close()


SURVEY = """\
survey: kitchen
title: Your kitchen <assistant>
introduction: "We ask what matters to you.\\n\\nIt takes two minutes."
thanks: Your answers help.
parts:
  - instrument: choice
    levels: {price: [2, 4.5, 6], privacy: [on-device, cloud], accuracy: [0.8, 0.9, 0.95]}
    respondents: 20
    tasks: 3
    alternatives: 2
  - instrument: opinions
    items: [turn the oven on, "what goes with <b>fennel</b>"]
    labels: [command, question]
    respondents: 20
    answers: 20
  - instrument: interviews
    questions: [What annoys you most?]
  - instrument: competitors
    attributes: {price: [], privacy: [on-device, cloud]}
"""
"""Seven questions each for 20 people: three of choice, two opinions, one open, one form."""


@pytest.fixture
def survey_file(tmp_path: Path) -> Path:
    """A survey with every kind of question that the built-in instruments ask."""
    path = tmp_path / "survey.yaml"
    path.write_text(SURVEY, "utf-8")
    return path


@pytest.fixture
def survey(survey_file: Path) -> Survey:
    """The survey, designed."""
    return open_survey(survey_file)


@pytest.fixture
def pages(survey: Survey, tmp_path: Path) -> Iterator[Server]:
    """Its pages on a real socket; the ledger is where `survey read` looks for it."""
    root = tmp_path / "marketfit-workspace"
    root.mkdir()
    with running_survey(survey, SurveySettings(workspace=root)) as server:
        yield server
