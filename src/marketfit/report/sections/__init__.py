"""The sections of the page, in the order in which they are read: promises first, then why to believe them."""

from __future__ import annotations

from collections.abc import Iterator

from marketfit.report.blocks import Section
from marketfit.report.sections.contract import contract_section
from marketfit.report.sections.data import data_section
from marketfit.report.sections.market import market_section
from marketfit.report.sections.position import position_section
from marketfit.report.sections.variants import variants_section
from marketfit.report.story import Story
from marketfit.workspace import Workspace


def sections(story: Story, *, workspace: Workspace) -> Iterator[Section]:
    """Every section. A step that left nothing has a section that says so."""
    yield contract_section(story)
    yield data_section(story, workspace=workspace)
    yield market_section(story, workspace=workspace)
    yield variants_section(story)
    yield position_section(story)
