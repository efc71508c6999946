from __future__ import annotations

from marketfit.loop.market import MarketReport
from marketfit.records.findings import Finding
from marketfit.records.market import MarketView


def test_the_number_of_people_is_told_where_people_were_asked() -> None:
    def finding(title: str, respondents: int) -> Finding:
        return Finding(instrument="kano", title=title, respondents=respondents, answers=9, simulated=False)

    findings = (finding("How the offers compare", 0), finding("What delights", 3))
    view = MarketView(choice=None, competitors=(), opinions=None, findings=findings, notes=())
    told = MarketReport(product="p", report="r.html", simulated=False, view=view).as_text()
    assert told.splitlines() == ["p: r.html", "  How the offers compare", "  What delights: n = 3"]
