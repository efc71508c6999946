"""Read a brief: YAML with line numbers, schema, registered names, columns of the files; all mistakes at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar, cast

from pydantic import ValidationError
from ruamel.yaml.comments import CommentedMap

from marketfit import registry
from marketfit.brief.columns import column_problems
from marketfit.brief.lines import dotted, line_of, parse_yaml, plain, problems_of
from marketfit.brief.market import MarketSpec
from marketfit.brief.schema import Brief, MarketBrief
from marketfit.errors import BriefError, Problem, nearest

BriefT = TypeVar("BriefT", bound=MarketBrief)


def load_brief(path: Path) -> Brief:
    """Load a brief.

    Raises:
        BriefError: with every mistake in the file, in the registered names and in the columns of the files it names.
    """
    tree = parse_yaml(path, kind="brief")
    return _load(Brief, _sections(tree), tree, path, [*_task_problems(tree, path), *_pass_problems(tree, path)])


def load_market(path: Path) -> MarketBrief:
    """Load what market research reads of a brief. All other sections may be missing, and are not looked at.

    Raises:
        BriefError: with every mistake in what is read, and every section that no brief has.
    """
    tree = parse_yaml(path, kind="brief")
    other = set(Brief.model_fields) - set(MarketBrief.model_fields)
    given = {name: value for name, value in _sections(tree).items() if name not in other}
    return _load(MarketBrief, given, tree, path, [])


def _sections(tree: CommentedMap) -> Mapping[str, object]:
    """The file without the places of its lines."""
    return cast("Mapping[str, object]", plain(tree))


def _load(
    model: type[BriefT], given: Mapping[str, object], tree: CommentedMap, path: Path, problems: list[Problem]
) -> BriefT:
    """The sections `given` of the file as a brief; `problems`: what is known to be wrong with them already."""
    brief: BriefT | None = None
    told: list[Problem] = []
    try:
        loaded = model.model_validate(given, context={"base": path.parent})
        brief = loaded.model_copy(update={"path": path.resolve()})
    except ValidationError as error:
        for detail in error.errors():
            told.extend(problems_of(detail, tree, path, Brief))
    told.extend(problems)
    told.extend(_survey_problems(tree, path))
    told.extend(
        Problem(f"{path}:{line_of(tree, location)}: {dotted(location)}", found, allowed, do)
        for location, found, allowed, do in column_problems(given, path.parent)
    )
    if told or brief is None:
        raise BriefError(told)
    return brief


def _task_problems(tree: CommentedMap, path: Path) -> Iterator[Problem]:
    task = tree.get("task")
    known = registry.names("runtimes")
    if isinstance(task, str) and task not in known:
        where = f"{path}:{line_of(tree, ('task',))}: task"
        yield Problem(where, f"there is no task '{task}'", nearest(task, known), "name a registered task")


def _survey_problems(tree: CommentedMap, path: Path) -> Iterator[Problem]:
    market = tree.get("market")
    surveys = market.get("surveys") if isinstance(market, Mapping) else None
    known = [name for name in registry.names("instruments") if name not in MarketSpec.model_fields]
    for name in surveys if isinstance(surveys, Mapping) else ():
        if name not in known:
            where = f"{path}:{line_of(tree, ('market', 'surveys', str(name)))}: market.surveys"
            own = str(name) in MarketSpec.model_fields
            do = f"write it as market.{name}" if own else "name a registered instrument"
            yield Problem(where, f"there is no further instrument '{name}'", nearest(str(name), known), do)


def _pass_problems(tree: CommentedMap, path: Path) -> Iterator[Problem]:
    section = tree.get("compress")
    passes = section.get("passes") if isinstance(section, Mapping) else None
    known = registry.names("passes")
    for place, name in enumerate(passes) if isinstance(passes, Sequence) and not isinstance(passes, str) else ():
        if name not in known:
            where = f"{path}:{line_of(tree, ('compress', 'passes', place))}: compress.passes"
            yield Problem(where, f"there is no pass '{name}'", nearest(str(name), known), "name a registered pass")
