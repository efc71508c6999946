"""Arguments of another kind than wanted, told as instructions: a table in place of choice data is a common slip."""

from __future__ import annotations

from marketfit.errors import DataError, Problem


def wrong_kind(where: str, given: object, *, allowed: str, do: str) -> DataError:
    """The error for an argument of another kind than wanted.

    >>> print(wrong_kind("data", None, allowed="choice data", do="read a table").problems[0])
    data: is None; choice data → read a table
    """
    found = "is None" if given is None else f"is of type '{type(given).__name__}'"
    return DataError([Problem(where, found, allowed, do)])
