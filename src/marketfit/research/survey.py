"""A survey file: what respondents are asked, part by part, as YAML; all mistakes at once, each with its line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar, Protocol, cast

from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError
from pydantic import Field as Option

from marketfit import registry
from marketfit.brief.lines import line_of, parse_yaml, plain, problems_of
from marketfit.errors import BriefError, DataError, Problem, nearest
from marketfit.records.base import Record
from marketfit.records.questionnaire import Language, Questionnaire, Survey
from marketfit.research.background import BACKGROUND, Background


class SurveySpec(BaseModel):
    """The survey file. Each of its `parts` names an instrument and holds the plan of that instrument."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    survey: Annotated[str, Option(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")] = Option(
        description="name: letters, digits, '.', '_' and '-'"
    )
    title: str = Option(min_length=1, description="what respondents read first")
    introduction: str = Option(default="", description="who asks, why, how long it takes; blank lines part it")
    thanks: str = Option(default="", description="what respondents read last")
    language: Language = Option(default="en", description="of all fixed texts: those of the pages and of the questions")
    seed: Annotated[int, Option(ge=0, lt=2**31)] = Option(default=0, description="of everything that is drawn")
    parts: tuple[Mapping[str, JsonValue], ...] = Option(
        min_length=1, description="instrument: NAME, and the options of its plan"
    )


class _Part(BaseModel):
    """The one key that all parts have."""

    instrument: str


@dataclass(frozen=True)
class PlannedPart:
    """One part: the plan of its instrument, the seed of its design, and what it became."""

    plan: Record
    seed: int
    questions: Questionnaire


def load_survey(path: Path) -> Survey:
    """Read a survey file and design every part. Raises as `plan_survey` does."""
    return plan_survey(path)[0]


def plan_survey(path: Path) -> tuple[Survey, tuple[PlannedPart, ...]]:
    """Read a survey file and design every part, with the plan behind each.

    Raises:
        BriefError: every mistake in the file, with its line.
        DataError: plans that can't be designed, with the part that each belongs to.
    """
    tree = parse_yaml(path, kind="survey")
    problems: list[Problem] = []
    spec: SurveySpec | None = None
    try:
        spec = SurveySpec.model_validate(plain(tree))
    except ValidationError as error:
        for detail in error.errors():
            problems.extend(problems_of(detail, tree, path, SurveySpec))
    plans: list[tuple[str, Record]] = []
    given = tree.get("parts")
    for place, part in enumerate(given if isinstance(given, Sequence) and not isinstance(given, str) else ()):
        if not isinstance(part, Mapping):
            continue
        name = str(part.get("instrument", ""))
        known = _part_names()
        if name not in known:
            where = f"{path}:{line_of(tree, ('parts', place, 'instrument'))}: parts.{place}.instrument"
            problems.append(Problem(where, f"there is no instrument '{name}'", nearest(name, known), "name one"))
            continue
        options = {
            key: value for key, value in cast("Mapping[str, object]", plain(part)).items() if key != "instrument"
        }
        try:
            plans.append((name, _designer(name).plan.model_validate(options)))
        except ValidationError as error:
            for detail in error.errors():
                problems.extend(problems_of(detail, tree, path, _designer(name).plan, at=("parts", place)))
    if problems or spec is None:
        raise BriefError(problems)
    return _designed(spec, plans)


def _designed(spec: SurveySpec, plans: Sequence[tuple[str, Record]]) -> tuple[Survey, tuple[PlannedPart, ...]]:
    parts: list[PlannedPart] = []
    problems: list[Problem] = []
    for place, (name, plan) in enumerate(plans):
        try:
            questions = _designer(name).design(plan, seed=spec.seed + place, language=spec.language)
            parts.append(PlannedPart(plan, spec.seed + place, questions))
        except DataError as error:
            problems += [
                Problem(f"parts.{place} ({name}): {p.where}", p.found, p.allowed, p.do) for p in error.problems
            ]
    names = [part.questions.instrument for part in parts]
    for name in sorted({name for name in names if names.count(name) > 1}):
        found = f"{names.count(name)} parts are of the instrument '{name}'"
        problems.append(Problem("parts", found, "one part for each instrument", "join them, or make two surveys"))
    if problems:
        raise DataError(problems)
    made = Survey(
        name=spec.survey,
        title=spec.title,
        introduction=spec.introduction,
        thanks=spec.thanks,
        language=spec.language,
        seed=spec.seed,
        parts=tuple(part.questions for part in parts),
    )
    return made, tuple(parts)


class _Designer(Protocol):
    """What a part needs of its instrument here."""

    plan: ClassVar[type[Record]]

    def design(self, plan: Record, *, seed: int, language: Language) -> Questionnaire:
        """What respondents are asked."""


def _part_names() -> tuple[str, ...]:
    """What `instrument` may name: the instruments, and the page that asks people who they are."""
    return (*registry.names("instruments"), BACKGROUND)


def _designer(name: str) -> _Designer:
    if name == BACKGROUND:
        return cast("_Designer", Background())
    return cast("type[_Designer]", registry.load("instruments", name))()


def survey_options() -> Iterator[tuple[str, str, str]]:
    """Every option of a survey file: name, default, help. Those of a part carry its instrument's name."""
    yield from _options(SurveySpec, "")
    for name in _part_names():
        yield from _options(_designer(name).plan, f"parts[{name}].")


def _options(model: type[BaseModel], prefix: str) -> Iterator[tuple[str, str, str]]:
    for name, field in model.model_fields.items():
        default = "required" if field.is_required() else str(field.default)
        yield f"{prefix}{name}", default, field.description or ""
