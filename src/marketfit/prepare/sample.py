"""The first inputs of the user's file, to time a model on before anything else is done."""

from __future__ import annotations

from marketfit.brief import Brief
from marketfit.prepare.normalise import clean_input
from marketfit.prepare.read import read
from marketfit.prepare.rows import Input


def sample_inputs(brief: Brief, *, most: int) -> list[Input]:
    """At most `most` usable inputs from the top of the file.

    Raises:
        DataError: the file can't be read.
    """
    found: list[Input] = []
    for piece in read(brief.data.source, {brief.data.input: "data.input"}):
        for cell in piece.columns[brief.data.input]:
            example, reason = clean_input(cell)
            if not reason:
                found.append(example)
            if len(found) == most:
                return found
    return found
