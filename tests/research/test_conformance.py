"""Every registered instrument passes the exam, and none is registered that this list does not know."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import cast

import pytest

from marketfit import registry
from marketfit.brief import AttributeSpec, MarketSpec, SurveyFile
from marketfit.engine import Run
from marketfit.errors import DataError
from marketfit.records.base import Record
from marketfit.records.questionnaire import LANGUAGES, Language, Questionnaire
from marketfit.research.choice_design import ChoicePlan
from marketfit.research.instruments import Instrument
from marketfit.research.instruments.codings import CodingPlan, Codings
from marketfit.research.instruments.competitors import CompetitorPlan, Competitors, CompetitorTable
from marketfit.research.instruments.importance import ImportancePlan
from marketfit.research.instruments.interviews import InterviewPlan
from marketfit.research.instruments.kano import KanoPlan
from marketfit.research.instruments.opinions import OpinionPlan
from marketfit.research.instruments.perceptions import PerceptionPlan
from marketfit.research.instruments.price_sensitivity import PricePlan
from marketfit.research.instruments.satisfaction import SatisfactionPlan
from marketfit.research.maxdiff_design import MaxDiffPlan
from marketfit.testing.instruments import InstrumentCase, check_instrument

MARKET = MarketSpec(
    attributes={
        "speed": AttributeSpec(metric="latency_p95_ms", better="lower"),
        "colour": AttributeSpec(offer=("red",)),
        "price": AttributeSpec(offer=(1.0,)),
    }
)
CASES: dict[str, InstrumentCase[Record]] = {
    "choice": InstrumentCase(
        ChoicePlan(
            levels={"speed": (1.0, 2.0, 3.0), "colour": ("red", "green"), "price": (1.0, 2.0, 3.0, 4.0)}, respondents=20
        ),
        MARKET,
    ),
    "codings": InstrumentCase(
        CodingPlan(units=tuple(f"answer {n}" for n in range(20)), codes=("price", "speed"), coders=3), MARKET
    ),
    "interviews": InstrumentCase(
        InterviewPlan(questions=("What do you like?", "What is missing?")), MARKET, optional=("question",)
    ),
    "competitors": InstrumentCase(
        CompetitorPlan(attributes={"speed": (), "colour": ("red", "green"), "price": ()}), MARKET
    ),
    "importance": InstrumentCase(ImportancePlan(attributes=("fast", "private", "cheap")), MARKET),
    "kano": InstrumentCase(KanoPlan(features=("works offline", "dark mode", "an app")), MARKET),
    "maxdiff": InstrumentCase(MaxDiffPlan(items=tuple("abcdefg"), respondents=30), MARKET),
    "perceptions": InstrumentCase(
        PerceptionPlan(offers=("ours", "theirs", "other"), attributes=("fast", "private", "cheap")), MARKET
    ),
    "price-sensitivity": InstrumentCase(PricePlan(product="tiny"), MARKET),
    # Of its three questions a file needs one, so here is one; tests/research/instruments examine the others.
    "satisfaction": InstrumentCase(SatisfactionPlan(product="tiny", questions=("recommend",)), MARKET),
    "opinions": InstrumentCase(
        OpinionPlan(items=tuple(f"text {n}" for n in range(30)), labels=("a", "b", "c"), respondents=7), MARKET
    ),
}


def test_the_registered_instruments_are_those_of_the_list() -> None:
    assert registry.names("instruments") == tuple(sorted(CASES))


@pytest.mark.parametrize("name", sorted(CASES))
def test_instrument_passes_the_exam(name: str, tmp_path: Path, run: Run) -> None:
    kind = cast("type[Instrument[Record, object, Record]]", registry.load("instruments", name))
    check_instrument(kind(), CASES[name], folder=tmp_path, run=run)


@pytest.mark.parametrize("language", [language for language in LANGUAGES if language != "en"])
@pytest.mark.parametrize("name", sorted(CASES))
def test_no_fixed_text_stays_english(name: str, language: Language) -> None:
    kind = cast("type[Instrument[Record, object, Record]]", registry.load("instruments", name))
    plan = CASES[name].plan
    english, other = (read_texts(kind().design(plan, seed=1, language=one)) for one in ("en", language))
    assert other - words_of(plan.model_dump())  # something fixed is said
    same = {"No"} if language == "es" else set()
    assert not (english & other) - words_of(plan.model_dump()) - same


def read_texts(questionnaire: Questionnaire) -> set[str]:
    """What respondents read of a questionnaire, but for the options, whose words are the plan's and the pages'."""
    fields = [field for question in questionnaire.questions for field in question.fields]
    answers = [field.labels.get(value, value) for field in fields for value in field.allowed]
    asked = [question.text for question in questionnaire.questions]
    return {questionnaire.title, *asked, *(field.text or field.name for field in fields), *answers}


def words_of(plan: object) -> set[str]:
    if isinstance(plan, Mapping):
        return words_of(tuple(plan)) | words_of(tuple(plan.values()))
    if isinstance(plan, tuple):
        return {word for part in plan for word in words_of(part)}
    return {str(plan)}


def test_the_exam_fails_an_instrument_whose_answers_depend_on_the_language(tmp_path: Path, run: Run) -> None:
    class Translating(Codings):
        def design(self, plan: CodingPlan, *, seed: int, language: Language = "en") -> Questionnaire:
            codes = tuple(f"{code} ({language})" for code in plan.codes)
            return super().design(plan.model_copy(update={"codes": codes}), seed=seed, language=language)

    with pytest.raises(AssertionError, match="in 'de' other answers are kept"):
        check_instrument(Translating(), CASES["codings"], folder=tmp_path, run=run)  # type: ignore[arg-type]


def test_the_exam_fails_an_instrument_that_swallows_mistakes(tmp_path: Path, run: Run) -> None:
    class Careless(Competitors):
        def read(self, file: SurveyFile, market: MarketSpec) -> CompetitorTable:
            try:
                return super().read(file, market)
            except DataError:
                return CompetitorTable(offers=())

    with pytest.raises(AssertionError, match="without complaint"):
        check_instrument(Careless(), CASES["competitors"], folder=tmp_path, run=run)  # type: ignore[arg-type]
