"""One form for every text: NFC, no control characters, single spaces, no ends. Other inputs stay as they are."""

from __future__ import annotations

import unicodedata

from marketfit.prepare.options import LONGEST_BINARY, LONGEST_FIELD
from marketfit.prepare.pieces import Cell
from marketfit.prepare.rows import Input
from marketfit.task import normalise_text


def normalise(text: str) -> str:
    """`normalise_text`, with a short way for the many texts that are in that form already.

    >>> normalise("as it is"), normalise(" not\\tyet ")
    ('as it is', 'not yet')
    """
    plain = text.isprintable() and "  " not in text and unicodedata.is_normalized("NFC", text)
    return text.strip(" ") if plain else normalise_text(text)


def clean_input(cell: Cell) -> tuple[Input, str]:
    """The input in its normal form, and why it can't be used (empty if it can)."""
    if isinstance(cell, bytes):
        if not cell:
            return b"", "empty input"
        return cell, "" if len(cell) <= LONGEST_BINARY else f"an input of more than {LONGEST_BINARY:,} bytes"
    text, reason = clean_text(cell)
    return text, reason or ("" if text else "empty input")


def clean_text(cell: Cell) -> tuple[str, str]:
    """A text in its normal form, and why it can't be used (empty if it can)."""
    if cell is None:
        return "", ""
    text = cell.decode("utf-8", "replace") if isinstance(cell, bytes) else cell
    if len(text) > LONGEST_FIELD:
        return "", f"a field of more than {LONGEST_FIELD:,} characters"
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return "", "not valid Unicode (half of a surrogate pair)"
    return normalise(text), ""
