"""A choice design as a CSV file and back: one row per alternative, with version, task, alternative and the levels."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from marketfit.demand.arrays import IntArray, label
from marketfit.demand.designs.design import ChoiceDesign
from marketfit.demand.designs.space import COLUMNS, DesignSpace, Level
from marketfit.errors import DataError, Problem, nearest


def write_design(design: ChoiceDesign, path: str | Path) -> None:
    """Write a design as CSV (UTF-8): columns version, task, alternative (all counted from 1), then the attributes.

    The none option has no row. Numbers are written so that they read back exactly.
    """
    import pyarrow as pa
    from pyarrow import csv

    space = design.space
    versions, tasks, alternatives, _ = space.shape
    places = np.indices((versions, tasks, alternatives)).reshape(3, -1) + 1
    columns: dict[str, list[int] | list[str]] = {
        name: place.tolist() for name, place in zip(COLUMNS, places, strict=True)
    }
    for index, (name, levels) in enumerate(space.levels.items()):
        texts = [_text(space, name, level) for level in levels]
        columns[name] = [texts[code] for code in design.codes[..., index].ravel().tolist()]
    csv.write_csv(pa.table(columns), str(path))


def read_design(path: str | Path, space: DesignSpace) -> ChoiceDesign:
    """Read a design that `write_design` wrote, or one that was made elsewhere, in any order of its rows.

    space: what the design may show, and how many versions, tasks and alternatives it has.
    Raises DataError with every cell that is no level, every alternative that is missing or there twice, and every
    alternative that is prohibited.
    """
    import pyarrow as pa
    from pyarrow import csv

    names = (*COLUMNS, *space.names)
    try:
        table = csv.read_csv(
            str(path),
            parse_options=csv.ParseOptions(newlines_in_values=True),
            convert_options=csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False
            ),
        )
    except (pa.ArrowInvalid, OSError) as error:
        do = "give a CSV file as write_design writes it"
        raise DataError([Problem(str(path), f"cannot be read ({error})", "a CSV file in UTF-8", do)]) from error
    problems = [
        Problem(f"{path}: column '{name}'", "is missing", nearest(name, table.column_names), "add or rename it")
        for name in names
        if name not in table.column_names
    ]
    if problems:
        raise DataError(problems)
    cells = {name: [str(cell) for cell in table.column(name).to_pylist()] for name in names}
    places = _places(str(path), space, cells, problems)
    levels = [_codes(str(path), space, name, cells[name], problems) for name in space.names]
    if problems:
        raise DataError(problems)
    codes = np.empty((int(np.prod(space.shape[:3])), len(levels)), dtype=np.int64)
    codes[places] = np.stack(levels, axis=1)
    return ChoiceDesign(space, codes.reshape(space.shape))


def _text(space: DesignSpace, name: str, level: Level) -> str:
    """A number so that it reads back exactly; among names, the name that messages have for it."""
    return repr(level) if space.is_number(name) else label(level)


def _places(path: str, space: DesignSpace, cells: dict[str, list[str]], problems: list[Problem]) -> IntArray:
    """(rows,) which alternative of the design each row is, counted through."""
    place = np.zeros(len(cells[COLUMNS[0]]), dtype=np.int64)
    wrong = np.zeros(place.size, dtype=np.bool_)
    for name, size in zip(COLUMNS, space.shape[:3], strict=True):
        numbers = np.array([int(cell) if cell.isdecimal() else 0 for cell in cells[name]], dtype=np.int64)
        out = (numbers < 1) | (numbers > size)
        for row in np.flatnonzero(out).tolist():
            where = f"{path}: row {row + 1}, column '{name}'"
            problems.append(Problem(where, f"is '{cells[name][row]}'", f"1 to {size}", "correct it, or the space"))
        wrong |= out
        place = place * size + numbers - 1
    counts = np.bincount(place[~wrong], minlength=int(np.prod(space.shape[:3])))
    told = {"is missing": counts == 0, "is there twice or more": counts > 1} if not wrong.any() else {}
    for found, which in told.items():
        for version, task, alternative in np.argwhere(which.reshape(space.shape[:3])).tolist():
            where = f"{path}: version {version + 1}, task {task + 1}, alternative {alternative + 1}"
            problems.append(Problem(where, found, "one row per alternative", "add or drop rows"))
    return place


def _codes(path: str, space: DesignSpace, name: str, cells: list[str], problems: list[Problem]) -> IntArray:
    levels = space.levels[name]
    known = {_key(space, name, _text(space, name, level)): code for code, level in enumerate(levels)}
    found = [known.get(_key(space, name, cell), -1) for cell in cells]
    for row, code in enumerate(found):
        if code < 0:
            allowed = nearest(cells[row], [label(level) for level in levels])
            where = f"{path}: row {row + 1}, column '{name}'"
            problems.append(Problem(where, f"unknown level '{cells[row]}'", allowed, "use a level of the space"))
    return np.array(found, dtype=np.int64)


def _key(space: DesignSpace, name: str, cell: str) -> str | float:
    """What identifies a level: the number where the attribute has numbers, so that 2 and 2.0 are the same."""
    if not space.is_number(name):
        return cell
    try:
        return float(cell)
    except ValueError:
        return cell
