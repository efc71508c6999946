"""Models: the shortlist of backbones, and the trials that adapted them."""

from __future__ import annotations

from marketfit.measure.intervals import clopper_pearson
from marketfit.records.models import Candidate, Recipe, Shortlist, Trial
from marketfit.report import figures
from marketfit.report.blocks import Block, Cell, Row, Section, Table, Text, bullets, row, table
from marketfit.report.charts.dots import Axis, Dot, dots
from marketfit.report.charts.draw import chart
from marketfit.report.story import Story

_LISTED, _DRAWN = 100, 30

_METHODS = {
    "probe": "probe on frozen features",
    "full": "full fine-tuning",
    "lora": "LoRA",
    "adopted": "trained elsewhere",
}


def shortlist_section(story: Story) -> Section:
    """Which backbones were considered, and why each was kept or dropped."""
    models = story.models
    blocks: list[Block] = [*_probes(models)]
    return Section("shortlist", "Shortlist", _shortlist_lead(models), tuple(blocks))


def _shortlist_lead(models: Shortlist) -> str:
    kept = len(models.kept)
    floor = (
        f"The floor that each must beat is character TF-IDF with an accuracy of {models.floor_accuracy:.4f} "
        f"({models.floor_low:.4f} to {models.floor_high:.4f}, n = {models.floor_rows:,})."
    )
    return f"{kept} of {figures.counted(len(models.candidates), 'backbone')} were kept. {floor}"


def _probes(models: Shortlist) -> list[Block]:
    if not models.candidates:
        return [Text("No backbone was considered.", "warn")]
    rows = [_candidate(place, one) for place, one in enumerate(models.candidates, start=1)]
    head = (".Rank", "Backbone", ".Verdict", "#Probe accuracy", "#Int8 size (MB)", "#Latency, median (ms)", "~Reason")
    note = (
        "Probe: logistic regression on frozen features, with one-sided bounds. Size is a prior from the number of "
        "parameters; latency is that of the headless export, at int8 where that is faster; neither has an interval."
    )
    listed = table("All backbones, best first", head, rows, most=_LISTED, note=note)
    shown = [
        Dot(one.backbone.name, one.probe_accuracy, one.probe_low, one.probe_high, strong=one.kept)
        for one in models.candidates[:_DRAWN]
    ]
    shown.append(Dot("floor: TF-IDF", models.floor_accuracy, models.floor_low, models.floor_high, strong=False))
    alt_text = "Probe accuracy: " + ", ".join(f"{dot.name} {dot.value:.3f}" for dot in shown)
    drawing = dots(shown, Axis("accuracy of the probe on valid rows", marks=(models.floor_accuracy,)))
    title = "Accuracy of frozen features; the dashed line is the floor, dropped ones are grey"
    return [chart(title, alt_text, drawing, data=listed, opened=True)]


def _candidate(place: int, one: Candidate) -> Row:
    verdict = Cell("kept", "good", badge=True) if one.kept else Cell("dropped", "warn", badge=True)
    reach = f"{figures.metric('accuracy', one.probe_low)} to {figures.metric('accuracy', one.probe_high)}"
    return row(
        str(place),
        Cell(one.backbone.name, below=_backbone(one)),
        verdict,
        Cell(figures.metric("accuracy", one.probe_accuracy), below=f"{reach}\nn = {one.probe_rows:,}"),
        figures.metric("size_mb", one.size_mb),
        figures.metric("latency_p50_ms", one.latency_ms),
        one.reason,
        quiet=not one.kept,
    )


def _backbone(one: Candidate) -> str:
    backbone = one.backbone
    shape = (
        "static embeddings" if backbone.static else "all layers" if backbone.cut is None else f"{backbone.cut} layers"
    )
    return f"{backbone.source}, {shape}, {backbone.parameters / 1e6:.1f} million parameters"


def trials_section(story: Story) -> Section:
    """Every recipe that was run, failed ones too."""
    trials = story.tuned.trials
    rows_of_valid = story.dataset.splits.get("valid", 0)
    blocks: list[Block] = []
    listed = _trials_table(story, rows_of_valid)
    complete = [trial for trial in trials if trial.accuracy is not None]
    if complete:
        shown = [_dot(trial, story, rows_of_valid) for trial in complete[:_DRAWN]]
        alt_text = "Accuracy of trials: " + ", ".join(f"{dot.name} {dot.value:.4f}" for dot in shown)
        drawing = dots(shown, Axis("accuracy on valid rows, with 95 % interval"))
        title = "Accuracy of every complete trial; finalists in colour"
        blocks.append(chart(title, alt_text, drawing, data=listed, opened=True))
        if len(complete) > _DRAWN:
            blocks.append(Text(f"{len(complete) - _DRAWN:,} more trials are not drawn.", "quiet"))
    else:
        blocks += [Text("No trial was completed.", "bad"), listed]
    blocks += bullets("How finalists were chosen", story.tuned.comparisons)
    blocks += bullets("The plan", story.tuned.plan)
    return Section("trials", "Trials", _trials_lead(story), tuple(blocks))


def _trials_lead(story: Story) -> str:
    trials, finalists = story.tuned.trials, story.tuned.finalists
    failed = sum(trial.status == "failed" for trial in trials)
    lost = f", {failed} of them failed" if failed else ", none failed"
    return f"{figures.counted(len(trials), 'trial')} were run{lost}; {figures.counted(len(finalists), 'finalist')}."


def _reach(trial: Trial, rows: int) -> tuple[float, float] | None:
    """The two-sided 95 % interval of a trial's accuracy (Clopper & Pearson 1934)."""
    if trial.accuracy is None or rows < 1:
        return None
    bounds = clopper_pearson(round(trial.accuracy * rows), rows, confidence=0.975)
    return bounds.low, bounds.high


def _dot(trial: Trial, story: Story, rows: int) -> Dot:
    low, high = _reach(trial, rows) or (None, None)
    name = f"{trial.number}: {trial.recipe.method}, {trial.backbone.name}"
    return Dot(name, trial.accuracy or 0.0, low, high, strong=trial.number in story.tuned.finalists)


def _trials_table(story: Story, rows: int) -> Table:
    head = (".No.", "Backbone", "~Recipe", ".Outcome", "#Accuracy", "#Macro-F1", "#Log-loss", "#Steps", "#Time")
    note = (
        f"On {figures.counted(rows, 'valid row')}, of the model before export: this ranks trials and promises nothing. "
        "Below accuracy its two-sided 95 % interval; macro-F1 and log-loss have none here."
    )
    winner = story.trial.number if story.trial else None
    listed = [
        _trial_row(trial, rows, trial.number in story.tuned.finalists, trial.number == winner)
        for trial in story.tuned.trials
    ]
    return table("Every trial", head, listed, most=_LISTED, note=note)


def _trial_row(trial: Trial, rows: int, finalist: bool, won: bool) -> Row:
    failed = trial.status == "failed"
    outcome = Cell("finalist" if finalist else "complete", "good" if finalist else "", badge=finalist)
    if failed:
        outcome = Cell("failed", "bad", badge=True)
    said = [*([f"failed: {trial.reason}"] if failed else []), *trial.notes]
    reach = _reach(trial, rows)
    interval = "" if reach is None else f"{reach[0]:.4f} to {reach[1]:.4f}"
    return row(
        str(trial.number),
        Cell(trial.backbone.name, below="of the winner" if won else ""),
        Cell(recipe_words(trial.recipe), below="\n".join(said)),
        outcome,
        Cell(figures.metric("accuracy", trial.accuracy), below=interval),
        figures.metric("macro_f1", trial.macro_f1),
        figures.metric("log_loss", trial.log_loss),
        figures.MISSING if trial.fit is None else figures.count(trial.fit.steps),
        figures.MISSING if trial.fit is None else figures.duration(trial.fit.seconds),
        strong=won,
        quiet=failed,
    )


def recipe_words(recipe: Recipe) -> str:
    """How a backbone is adapted, in words."""
    if recipe.method == "adopted":
        return _METHODS["adopted"]
    if recipe.method == "probe":
        words = f"{_METHODS['probe']}, C = {recipe.regularisation:g}"
    else:
        rank = f" of rank {recipe.rank}" if recipe.method == "lora" else ""
        words = (
            f"{_METHODS[recipe.method]}{rank}, learning rate {recipe.learning_rate:g}, {recipe.epochs:g} epochs, "
            f"batches of {recipe.batch_size}"
        )
    return words + "".join(f", {term.name} term {term.weight:g}" for term in recipe.terms)
