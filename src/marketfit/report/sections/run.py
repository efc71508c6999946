"""The run itself: time of every step, machine, seed and digests, to do it again and to check it."""

from __future__ import annotations

from marketfit.report import figures
from marketfit.report.blocks import Block, Section, bullets, row, table
from marketfit.report.story import Story


def run_section(story: Story) -> Section:
    """Where the numbers come from."""
    total = sum(story.seconds.values())
    steps = [
        row(step, figures.duration(taken), figures.percent(taken / total if total else None))
        for step, taken in story.seconds.items()
    ]
    steps.append(row("together", figures.duration(total), figures.percent(1.0 if total else None), strong=True))
    note = "Each step was timed once, in this run or in the earlier one whose result was kept: no interval."
    blocks: list[Block] = [
        table("Time of every step", ("Step", "#Time", "#Share"), steps, note=note),
        table("Where it comes from", ("What", "~Value"), [row(name, value) for name, value in _provenance(story)]),
        *bullets("Notes on the run", story.notes),
    ]
    lead = f"marketfit {story.command} on {story.created}, {figures.duration(total)} in all."
    return Section("run", "Run", lead, tuple(blocks))


def _provenance(story: Story) -> list[tuple[str, str]]:
    trial, winner = story.trial, story.winner
    facts = [
        ("Brief", story.brief_file),
        ("Seed", str(story.seed)),
        ("Machine", story.machine or "nothing was timed"),
        ("Bundle", story.bundle or "none was sealed"),
        ("Digest of the bundle", story.digest or figures.MISSING),
        ("Digest of the test rows", story.dataset.test_digest),
        ("Digest of the prepared data", story.dataset.digest()),
    ]
    if winner is not None:
        facts.append(("Passes of the winner", ", ".join(winner.passes) or "none"))
    if trial is not None:
        facts.append(("SHA-256 of the backbone's weights", trial.backbone.weights_sha256))
    return facts
