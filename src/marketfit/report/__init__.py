"""The report of a run: one self-contained HTML file, and the same in a few lines of plain text.

`story.py` is what is told, `page.py` puts sections into the page, `sections/` makes one section each out of records,
`blocks.py` names the few things that sections are made of, `charts/` draws. Nothing here computes a result: what can't
be read off the records is said to be missing.
"""

from marketfit.report.story import Story, write_report
from marketfit.report.text import contract_table, describe_outcome, describe_promotion

__all__ = ["Story", "contract_table", "describe_outcome", "describe_promotion", "write_report"]
