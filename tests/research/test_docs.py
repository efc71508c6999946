"""The examples of docs/market-research.md run as they stand."""

from __future__ import annotations

import doctest
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize(("page", "least"), [("market-research.md", 15), ("market-research-more.md", 5)])
def test_the_page_runs(page: str, least: int) -> None:
    result = doctest.testfile(str(DOCS / page), module_relative=False, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert result.attempted > least
    assert result.failed == 0
