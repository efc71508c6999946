"""Read a brief: YAML with line numbers, schema, registered names, columns of the files; all mistakes at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from pydantic import ValidationError
from ruamel.yaml.comments import CommentedMap

from marketfit import registry
from marketfit.brief.columns import column_problems
from marketfit.brief.lines import dotted, line_of, parse_yaml, plain, problems_of
from marketfit.brief.market import MarketSpec
from marketfit.brief.schema import Brief
from marketfit.errors import BriefError, Problem, nearest


def load_brief(path: Path) -> Brief:
    """Load a brief.

    Raises:
        BriefError: with every mistake in the file, in the registered names and in the columns of the files it names.
    """
    tree = parse_yaml(path, kind="brief")
    problems: list[Problem] = []
    brief: Brief | None = None
    try:
        loaded = Brief.model_validate(plain(tree), context={"base": path.parent})
        brief = loaded.model_copy(update={"path": path.resolve()})
    except ValidationError as error:
        for detail in error.errors():
            problems.extend(problems_of(detail, tree, path, Brief))
    problems.extend(_task_problems(tree, path))
    problems.extend(_survey_problems(tree, path))
    problems.extend(_pass_problems(tree, path))
    problems.extend(
        Problem(f"{path}:{line_of(tree, location)}: {dotted(location)}", found, allowed, do)
        for location, found, allowed, do in column_problems(plain(tree), path.parent)
    )
    if problems or brief is None:
        raise BriefError(problems)
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
