"""Read a brief: YAML with line numbers, schema, registered names, columns of the files; all mistakes at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from marketfit import registry
from marketfit.brief.columns import column_problems
from marketfit.brief.schema import AttributeSpec, Brief, MarketSpec, MistakesError
from marketfit.errors import BriefError, Problem, nearest

_LARGEST_BRIEF = 1_000_000  # bytes; a brief is written by hand

Location = tuple[str | int, ...]


def load_brief(path: Path) -> Brief:
    """Load a brief.

    Raises:
        BriefError: with every mistake in the file, in the registered names and in the columns of the files it names.
    """
    tree = _parse(path)
    problems: list[Problem] = []
    brief: Brief | None = None
    try:
        loaded = Brief.model_validate(_plain(tree), context={"base": path.parent})
        brief = loaded.model_copy(update={"path": path.resolve()})
    except ValidationError as error:
        for detail in error.errors():
            problems.extend(_problems_of(detail, tree, path))
    problems.extend(_task_problems(tree, path))
    problems.extend(_survey_problems(tree, path))
    problems.extend(
        Problem(f"{path}:{_line(tree, location)}: {_dotted(location)}", found, allowed, do)
        for location, found, allowed, do in column_problems(_plain(tree), path.parent)
    )
    if problems or brief is None:
        raise BriefError(problems)
    return brief


def _parse(path: Path) -> CommentedMap:
    def refuse(found: str, allowed: str, do: str, line: int | None = None) -> BriefError:
        return BriefError([Problem(f"{path}:{line}" if line else str(path), found, allowed, do)])

    if path.is_dir():
        raise refuse("is a directory", "a brief is a YAML file", f"name the file, for example {path / 'brief.yaml'}")
    if not path.is_file():
        raise refuse(
            "there is no such file", "a brief is a YAML file", "correct the path, or 'marketfit new' makes one"
        )
    if path.stat().st_size > _LARGEST_BRIEF:
        raise refuse(f"has {path.stat().st_size:,} bytes", "a brief has at most 1,000,000", "is this the data file?")
    try:
        text = path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise refuse(f"is not UTF-8 (byte {error.start})", "UTF-8 text", "save it as UTF-8") from error
    try:
        tree = YAML(typ="rt").load(text)
    except DuplicateKeyError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        raise refuse(str(error.problem).splitlines()[0], "every key once", "remove one of the two", line) from error
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        raise refuse(f"is not YAML: {error.problem}", "YAML", "check indentation, colons and quotes", line) from error
    except YAMLError as error:
        raise refuse(f"is not YAML: {str(error).splitlines()[0]}", "YAML", "check the file") from error
    if not isinstance(tree, CommentedMap):
        found = "is empty" if tree is None else f"holds a {type(tree).__name__}"
        raise refuse(found, "a mapping with product, task, data and require", "see 'marketfit new'")
    return tree


def _plain(node: object) -> object:
    """ruamel's containers and scalars as plain ones, so that the schema sees ordinary types."""
    if isinstance(node, Mapping):
        return {str(key): _plain(value) for key, value in node.items()}
    if isinstance(node, Sequence) and not isinstance(node, str):
        return [_plain(value) for value in node]
    if isinstance(node, bool) or node is None:
        return node
    for kind in (int, float, str):
        if isinstance(node, kind):
            return kind(node)
    return str(node)  # a date, say: text, as it stands in the file


def _line(tree: CommentedMap, location: Location) -> int:
    """The line of a value, or of the nearest parent that is in the file."""
    node: object = tree
    line = 1
    for step in location:
        if isinstance(node, CommentedMap) and step in node:
            line = node.lc.key(step)[0] + 1
            node = node[step]
        elif isinstance(node, CommentedSeq) and isinstance(step, int) and step < len(node):
            line = node.lc.item(step)[0] + 1
            node = node[step]
        else:
            break
    return line


def _dotted(location: Location) -> str:
    return ".".join(str(step) for step in location) or "the brief"


def _problems_of(detail: ErrorDetails, tree: CommentedMap, path: Path) -> Iterator[Problem]:
    location = detail["loc"]
    where = f"{path}:{_line(tree, location)}: {_dotted(location)}"
    inner = detail.get("ctx", {}).get("error")
    if isinstance(inner, MistakesError):
        for problem in inner.problems:
            named = tuple(problem.where.split(".")) if problem.where else location
            place = f"{path}:{_line(tree, named)}: {_dotted(named)}"
            yield Problem(place, problem.found, problem.allowed, problem.do)
    elif detail["type"] == "extra_forbidden":
        known = _keys_at(location[:-1])
        yield Problem(where, f"unknown key '{location[-1]}'", nearest(str(location[-1]), known), "rename or remove it")
    elif detail["type"] == "missing":
        yield Problem(where, f"'{location[-1]}' is missing", "it has no default", "add it")
    else:
        shown = repr(detail["input"])
        shown = shown if len(shown) <= 60 else shown[:57] + "…"
        yield Problem(where, f"{shown} is not allowed", detail["msg"][:1].lower() + detail["msg"][1:], "correct it")


def _keys_at(location: Location) -> tuple[str, ...]:
    """The known keys of the section at a location."""
    model: type[BaseModel] = Brief
    for step in location:
        field = model.model_fields.get(str(step))
        if field is not None and isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            model = field.annotation
        elif field is not None and field is model.model_fields.get("attributes"):
            model = AttributeSpec
    return tuple(name for name, field in model.model_fields.items() if not field.exclude)


def _task_problems(tree: CommentedMap, path: Path) -> Iterator[Problem]:
    task = tree.get("task")
    known = registry.names("runtimes")
    if isinstance(task, str) and task not in known:
        where = f"{path}:{_line(tree, ('task',))}: task"
        yield Problem(where, f"there is no task '{task}'", nearest(task, known), "name a registered task")


def _survey_problems(tree: CommentedMap, path: Path) -> Iterator[Problem]:
    market = tree.get("market")
    surveys = market.get("surveys") if isinstance(market, Mapping) else None
    known = [name for name in registry.names("instruments") if name not in MarketSpec.model_fields]
    for name in surveys if isinstance(surveys, Mapping) else ():
        if name not in known:
            where = f"{path}:{_line(tree, ('market', 'surveys', str(name)))}: market.surveys"
            own = str(name) in MarketSpec.model_fields
            do = f"write it as market.{name}" if own else "name a registered instrument"
            yield Problem(where, f"there is no further instrument '{name}'", nearest(str(name), known), do)
