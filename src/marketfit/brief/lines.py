"""YAML files that people write: parsed with line numbers, so that every mistake can say where it stands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Sized
from pathlib import Path
from typing import get_args

from pydantic import BaseModel
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from marketfit.brief.section import MistakesError
from marketfit.errors import BriefError, Problem, nearest

_LARGEST = 1_000_000  # bytes; such files are written by hand

Location = tuple[str | int, ...]


def parse_yaml(path: Path, *, kind: str) -> CommentedMap:
    """The tree of a YAML file that a person wrote, of a kind such as 'brief'.

    Raises:
        BriefError: it is no such file.
    """

    def refuse(found: str, allowed: str, do: str, line: int | None = None) -> BriefError:
        return BriefError([Problem(f"{path}:{line}" if line else str(path), found, allowed, do)])

    if path.is_dir():
        raise refuse(
            "is a directory", f"a {kind} is a YAML file", f"name the file, for example {path / f'{kind}.yaml'}"
        )
    if not path.is_file():
        raise refuse("there is no such file", f"a {kind} is a YAML file", "correct the path")
    if path.stat().st_size > _LARGEST:
        raise refuse(f"has {path.stat().st_size:,} bytes", f"a {kind} has at most 1,000,000", "is this the data file?")
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
        raise refuse(found, "a mapping of names to values", "see the documentation")
    return tree


def plain(node: object) -> object:
    """ruamel's containers and scalars as plain ones, so that the schema sees ordinary types."""
    if isinstance(node, Mapping):
        return {str(key): plain(value) for key, value in node.items()}
    if isinstance(node, Sequence) and not isinstance(node, str):
        return [plain(value) for value in node]
    if isinstance(node, bool) or node is None:
        return node
    for kind in (int, float, str):
        if isinstance(node, kind):
            return kind(node)
    return str(node)  # a date, say: text, as it stands in the file


def line_of(tree: CommentedMap, location: Location) -> int:
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


def dotted(location: Location) -> str:
    """A place as it is written in messages."""
    return ".".join(str(step) for step in location) or "the brief"


def problems_of(
    detail: ErrorDetails, tree: CommentedMap, path: Path, model: type[BaseModel], *, at: Location = ()
) -> Iterator[Problem]:
    """What pydantic says of one place, with its line. `at`: where the validated part begins in the file."""
    location = (*at, *detail["loc"])
    where = f"{path}:{line_of(tree, location)}: {dotted(location)}"
    inner = detail.get("ctx", {}).get("error")
    if isinstance(inner, MistakesError):
        for problem in inner.problems:
            named = (*at, *problem.where.split(".")) if problem.where else location
            place = f"{path}:{line_of(tree, named)}: {dotted(named)}"
            yield Problem(place, problem.found, problem.allowed, problem.do)
    elif detail["type"] == "extra_forbidden":
        fields = _section_at(model, detail["loc"][:-1]).model_fields
        known = [name for name, field in fields.items() if not field.exclude]
        yield Problem(where, f"unknown key '{location[-1]}'", nearest(str(location[-1]), known), "rename or remove it")
    elif detail["type"] == "missing":
        yield Problem(where, f"'{location[-1]}' is missing", "it has no default", "add it")
    elif detail["type"] == "too_short" and isinstance(detail["input"], Sized):
        count, least = len(detail["input"]), detail["ctx"]["min_length"]
        field = _section_at(model, detail["loc"][:-1]).model_fields.get(str(location[-1]))
        do = f"add what is missing ({field.description})" if field and field.description else "add what is missing"
        yield Problem(where, f"has {count}" if count else "is empty", f"at least {least}", do)
    else:
        shown = repr(detail["input"])
        shown = shown if len(shown) <= 60 else shown[:57] + "…"
        yield Problem(where, f"{shown} is not allowed", detail["msg"][:1].lower() + detail["msg"][1:], "correct it")


def _section_at(model: type[BaseModel], location: Location) -> type[BaseModel]:
    """The section at a location."""
    for step in location:
        # Steps that are no field are keys of a mapping, places of a list or names of pydantic's own.
        field = model.model_fields.get(str(step))
        model = (field and _model_in(field.annotation)) or model
    return model


def _model_in(annotation: object) -> type[BaseModel] | None:
    """The section that a field holds, alone, in a mapping or in a list."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((model for part in get_args(annotation) if (model := _model_in(part))), None)
