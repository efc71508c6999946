"""The sections of the page, in the order in which they are read: promises first, then why to believe them."""

from __future__ import annotations

from collections.abc import Iterator

from marketfit.report.blocks import Section
from marketfit.report.sections.contract import contract_section
from marketfit.report.sections.data import data_section
from marketfit.report.sections.learnt import learnt_section, promotion_section
from marketfit.report.sections.market import market_section
from marketfit.report.sections.models import shortlist_section, trials_section
from marketfit.report.sections.position import position_section
from marketfit.report.sections.quality import quality_section
from marketfit.report.sections.run import run_section
from marketfit.report.sections.variants import variants_section
from marketfit.report.story import Story
from marketfit.workspace import Workspace


def sections(story: Story, *, workspace: Workspace) -> Iterator[Section]:
    """Every section. A step that left nothing has a section that says so."""
    yield contract_section(story)
    if story.promotion is not None:
        yield promotion_section(story, story.promotion)
    if story.batch is not None:
        yield learnt_section(story.batch)
    yield data_section(story, workspace=workspace)
    yield market_section(story.market, workspace=workspace)
    yield variants_section(story, workspace=workspace)
    yield position_section(story)
    yield shortlist_section(story)
    yield trials_section(story)
    yield quality_section(story)
    yield run_section(story)
