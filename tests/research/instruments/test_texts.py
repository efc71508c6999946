"""The fixed texts of the instruments: every language says all of them, with the same places to fill in."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

from marketfit.records.questionnaire import LANGUAGES, Language
from marketfit.research.instruments.kano import Kano, KanoPlan
from marketfit.research.instruments.price_sensitivity import PricePlan, PriceSensitivity
from marketfit.research.instruments.satisfaction import SatisfactionPlan, SatisfactionSurvey
from marketfit.research.instruments.texts import ENGLISH, INSTRUMENT_TEXTS
from marketfit.research.kano import ANSWERS
from marketfit.research.survey import load_survey


def test_the_table_has_the_languages_of_a_survey() -> None:
    assert tuple(INSTRUMENT_TEXTS) == LANGUAGES


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_is_said_with_its_places(language: Language) -> None:
    for name in (field.name for field in fields(ENGLISH)):
        said, english = (as_tuple(getattr(texts, name)) for texts in (INSTRUMENT_TEXTS[language], ENGLISH))
        assert len(said) == len(english), name
        assert len(set(said)) == len(said), name
        for text, original in zip(said, english, strict=True):
            assert text.strip(), name
            assert sorted(re.findall(r"{\w+}", text)) == sorted(re.findall(r"{\w+}", original)), name


def as_tuple(text: str | tuple[str, ...]) -> tuple[str, ...]:
    return (text,) if isinstance(text, str) else text


def test_answers_are_codes_and_labels_their_words() -> None:
    (question,) = Kano().design(KanoPlan(features=("offline",)), seed=0, language="de").questions
    assert [field.allowed for field in question.fields] == [ANSWERS, ANSWERS]
    assert [field.labels["expect"] for field in question.fields] == ["Das setze ich voraus"] * 2
    (form,) = SatisfactionSurvey().design(SatisfactionPlan(product="Tiny"), seed=0, language="fr").questions
    assert form.fields[2].allowed == ("very", "somewhat", "not")
    assert form.fields[2].labels == {"very": "Très déçu(e)", "somewhat": "Un peu déçu(e)", "not": "Pas déçu(e)"}
    assert form.fields[0].text.startswith("Quelle est la probabilité que vous recommandiez Tiny à un ami ?")


def test_the_language_of_a_survey_file_reaches_its_parts(tmp_path: Path) -> None:
    path = tmp_path / "survey.yaml"
    parts = "[{instrument: kano, features: [offline]}, {instrument: satisfaction, product: Tiny}]"
    path.write_text(f"survey: s\ntitle: Hola\nlanguage: es\nparts: {parts}\n", "utf-8")
    assert [part.title for part in load_survey(path).parts] == ["¿Cómo se sentiría?", "Satisfacción"]


def test_braces_of_a_plan_are_left_alone() -> None:
    (form,) = PriceSensitivity().design(PricePlan(product="{x}", unit="{0} €"), seed=0, language="de").questions
    assert form.text == "Was sollte {x} kosten?"
    assert form.fields[0].text.endswith(" ({0} €)")
