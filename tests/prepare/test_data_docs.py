"""docs/data.md is true: its brief is read, and the reasons of the quarantine are those of the code."""

from __future__ import annotations

from pathlib import Path

from marketfit.brief import DataSpec, load_brief
from marketfit.prepare import collect, contradictions, curate, duplicates, options

PAGE = (Path(__file__).parents[2] / "docs" / "data.md").read_text(encoding="utf-8")


def test_the_brief_is_read_and_shows_every_option(tmp_path: Path) -> None:
    parts = [part.split("```")[0] for part in PAGE.split("```yaml\n")[1:]]
    (tmp_path / "messages.csv").write_text("text,topic,lang,part,customer,region\n", encoding="utf-8")
    (tmp_path / "more.csv").write_text("text\n", encoding="utf-8")
    path = tmp_path / "brief.yaml"
    path.write_text("product: shop\ntask: text-classification\n" + "".join(parts), encoding="utf-8")
    assert load_brief(path).data.sensitive == ("region",)
    assert load_brief(path).data.model_fields_set == set(DataSpec.model_fields)


def test_the_reasons_and_figures_are_those_of_the_code() -> None:
    reasons = (
        collect.NOT_SELECTED, collect.NO_SPLIT, curate.GROUP_CROSSES, contradictions.OUTVOTED,
        contradictions.NO_MAJORITY, contradictions.AGAINST_TEST, *duplicates.REASONS.values(),
    )  # fmt: skip
    assert all(reason in PAGE for reason in reasons)
    figures = (options.LONGEST_FIELD, options.TEST_MOST, options.VALID_MOST, options.TEST_WANTED)
    assert all(f"{figure:,}" in PAGE for figure in figures)
