"""Keywords that several functions take are declared once, in a TypedDict; a misspelt one is told by its name."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable

from marketfit.errors import nearest


def check_keywords(function: Callable[..., object], given: Iterable[str], declared: Iterable[str]) -> None:
    """Raise TypeError, as Python does, for a keyword that the function does not take, and say which is meant.

    declared: what it takes beyond the keywords of its signature.
    """
    own = [one.name for one in inspect.signature(function).parameters.values() if one.kind is one.KEYWORD_ONLY]
    known = [*own, *declared]
    for name in given:
        if name not in known:
            raise TypeError(f"{function.__name__}() takes no argument {name!r}: {nearest(name, known)}")
