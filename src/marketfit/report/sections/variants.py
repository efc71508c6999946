"""All variants: the frontier of what can be shipped, and why the others can't."""

from __future__ import annotations

from marketfit.contract import Measurement
from marketfit.records.decision import Standing
from marketfit.records.variants import BatchSpeed, Variant
from marketfit.report import figures
from marketfit.report.blocks import Block, Cell, Row, Section, Table, Text, bullets, row, table
from marketfit.report.charts.draw import chart
from marketfit.report.charts.pareto import Limits, Point, frontier, pareto
from marketfit.report.charts.stacked import Bar, stacked
from marketfit.report.story import Story
from marketfit.workspace import Workspace

_SHOWN = 60
_METRICS = ("accuracy", "macro_f1", "latency_p50_ms", "latency_p95_ms", "memory_mb", "size_mb")


def variants_section(story: Story, *, workspace: Workspace) -> Section:
    """The Pareto chart and the table behind it."""
    variants = story.variants.variants
    keys = {variant.name: str(number) for number, variant in enumerate(variants, start=1)}
    points = [point for variant in variants if (point := _point(variant, keys[variant.name], story))]
    blocks: list[Block] = []
    listed = _table(story, keys)
    if points:
        told = [
            f"{p.key}: {p.accuracy:.3f} at {p.latency:.2f} ms, {p.size:.1f} MB{', the winner' if p.winner else ''}."
            for p in points
        ]
        alt_text = f"Accuracy against p95 latency of {figures.counted(len(points), 'variant')}. {' '.join(told)}"
        ring = ", the ring is the winner" if any(point.winner for point in points) else ""
        title = f"Accuracy against latency; area is size, whiskers are intervals{ring}"
        blocks.append(chart(title, alt_text, pareto(points, _limits(story)), data=listed, opened=True))
        best = ", ".join(point.key for point in frontier(points))
        said = f"Dashed: limits of the contract. Line: the frontier, beaten on both axes by no other ({best})."
        blocks.append(Text(said + _undrawn(len(variants) - len(points)), "quiet"))
    else:
        blocks += [listed, Text("No variant has both accuracy and latency measured, so there is no chart.", "quiet")]
    blocks += _front(story, keys)
    blocks += _sizes(story, keys)
    blocks += _speeds(story, keys)
    blocks += bullets("Notes on the variants", story.variants.notes)
    blocks += _untried(story, workspace)
    return Section("variants", "Variants", _lead(story), tuple(blocks))


def _lead(story: Story) -> str:
    variants = story.variants.variants
    rejected = sum(bool(variant.rejected) for variant in variants)
    away = f", {rejected} of them can't ship" if rejected else ""
    return (
        f"{figures.counted(len(variants), 'variant')} were made; each was written as a bundle, reloaded and measured"
        f"{away}. Quality is of valid rows here; the locked test speaks for the winner alone."
    )


def _front(story: Story, keys: dict[str, str]) -> list[Block]:
    front = [keys[name] for name in story.variants.front if name in keys]
    if not front:
        return []
    said = "Beaten by no other in quality, latency, throughput, memory, size and cost together"
    return [Text(f"{said}: {', '.join(front)}.", "quiet")]


def _untried(story: Story, workspace: Workspace) -> list[Block]:
    """Sequences of passes that the plan left out: of each kind of reason those that came nearest to being made."""
    groups, every = story.variants.untried, story.variants.every_untried
    if not groups or every is None:
        return []
    rows = [
        row(
            Cell(line.name),
            Cell(group.why, below=line.reason),
            figures.MISSING if line.gain is None else f"{line.gain:.2g}",
            figures.MISSING if line.seconds is None else f"{line.seconds:.0f}",
        )
        for group in groups
        for line in group.nearest
    ]
    counts = "; ".join(f"{group.why}: {group.count:,}" for group in groups)
    note = (
        f"{counts}. Shown are those of each kind that came nearest to being made; all are in the workspace's file "
        f"{workspace.path(every).relative_to(workspace.root)}. Gains and seconds are estimates."
    )
    head = ("Sequence", "Why", "#Expected gain", "#Seconds")
    total = sum(group.count for group in groups)
    return [table("Sequences of passes that were not made", head, rows, total=total, note=note)]


def _undrawn(number: int) -> str:
    return f" Not drawn, for lack of a measurement: {figures.counted(number, 'variant')}." if number else ""


def _limits(story: Story) -> Limits:
    bounds = {clause.requirement.metric: clause.requirement.limit for clause in story.settlement.contract.clauses}
    return Limits(accuracy=bounds.get("accuracy"), latency=bounds.get("latency_p95_ms"))


def _point(variant: Variant, key: str, story: Story) -> Point | None:
    accuracy, latency = variant.measured("accuracy"), variant.measured("latency_p95_ms")
    size = variant.measured("size_mb")
    if accuracy is None or latency is None or size is None or latency.value <= 0:
        return None
    return Point(
        key=key,
        name=variant.name,
        family=variant.backbone,
        accuracy=accuracy.value,
        accuracy_low=accuracy.low,
        accuracy_high=accuracy.high,
        latency=latency.value,
        latency_low=latency.low,
        latency_high=latency.high,
        size=size.value,
        winner=variant.name == story.decision.winner,
    )


def _table(story: Story, keys: dict[str, str]) -> Table:
    required = [clause.requirement.metric for clause in story.settlement.contract.clauses]
    named = dict.fromkeys((*_METRICS, *required))
    metrics = [name for name in named if any(v.measured(name) for v in story.variants.variants)]
    standings = {standing.variant: standing for standing in reversed(story.decision.standings)}
    rows = [_row(variant, keys, metrics, standings.get(variant.name), story) for variant in story.variants.variants]
    head = (".No.", "~Variant", ".Can ship", *(f"#{_head(name)}" for name in metrics))
    machine = story.variants.machine or "not said"
    note = f"Below each value its interval (one-sided bounds) and n. Measured on: {machine}."
    return table("Every variant that was made", head, rows, most=_SHOWN, note=note)


def _sizes(story: Story, keys: dict[str, str]) -> list[Block]:
    """Where the megabytes of each variant lie, so that it is seen what another pass could still take away."""
    known = [variant for variant in story.variants.variants if variant.sizes][:_SHOWN]
    if not known:
        return []
    parts = list(dict.fromkeys(part for variant in known for part in variant.sizes))
    rows = [
        row(keys[variant.name], variant.name, *(f"{variant.sizes.get(part, 0.0):.3f}" for part in parts))
        for variant in known
    ]
    head = (".No.", "Variant", *(f"#{part.capitalize()} (MB)" for part in parts))
    listed = table("Parts of each variant's size (exact)", head, rows)
    told = " ".join(
        f"{keys[variant.name]}: {', '.join(f'{part} {value:.1f}' for part, value in variant.sizes.items())} MB."
        for variant in known
    )
    drawing = stacked([Bar(f"{keys[each.name]}: {each.name}", each.sizes) for each in known], "Size (MB)")
    return [chart("Where the megabytes lie", f"Parts of the size of each variant. {told}", drawing, data=listed)]


def _speeds(story: Story, keys: dict[str, str]) -> list[Block]:
    """Rows a second of every variant, by batch size."""
    timed = [variant for variant in story.variants.variants if variant.batches]
    sizes = sorted({speed.size for variant in timed for speed in variant.batches})
    if not sizes:
        return []
    rows = []
    for variant in timed:
        speeds = {speed.size: speed for speed in variant.batches}
        rows.append(row(keys[variant.name], variant.name, *(_speed(speeds.get(size)) for size in sizes)))
    head = (".No.", "Variant", *(f"#Batches of {size} (1/s)" for size in sizes))
    note = (
        "Rows a second in fresh processes: the median, and below it the slowest and the fastest process. A size that "
        "takes more than a second is not tried."
    )
    return [table("Throughput by batch size", head, rows, most=_SHOWN, note=note)]


def _speed(speed: BatchSpeed | None) -> Cell:
    if speed is None:
        return Cell(figures.MISSING, below="not tried")
    spread = figures.between(speed.slowest, speed.fastest)
    below = f"{spread}\nn = {speed.processes}, {speed.peak_mb:,.0f} MB"
    return Cell(figures.number(speed.rows_per_second), below=below)


def _head(name: str) -> str:
    return f"{figures.title(name)} {f'({figures.unit(name)})' if figures.unit(name) else ''}".strip()


def _row(variant: Variant, keys: dict[str, str], metrics: list[str], standing: Standing | None, story: Story) -> Row:
    won = variant.name == story.decision.winner
    feasible = not variant.rejected and (standing is None or standing.feasible)
    why = variant.rejected or (standing.reason if standing is not None and not standing.feasible else "")
    name = Cell(variant.name, below="the winner" if won else why)
    ships = Cell("yes" if feasible else "no", "good" if feasible else "bad")
    values = [_value(variant.measured(metric)) for metric in metrics]
    return row(keys[variant.name], name, ships, *values, strong=won, quiet=bool(variant.rejected))


def _value(measured: Measurement | None) -> Cell:
    if measured is None:
        return Cell(figures.MISSING, below="not measured")
    below = f"{figures.interval(measured)}\nn = {measured.n:,}"
    return Cell(figures.metric(measured.metric, measured.value), below=below)
