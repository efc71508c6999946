"""From the answers of a choice survey to the study: who counts, which model, draws of what people want."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from marketfit.brief import MarketSpec
from marketfit.demand import ChoiceData, ChoiceModel, MNLResult, draw_utilities, model_to_json
from marketfit.demand.coding.columns import NONE_COLUMN
from marketfit.engine import Run
from marketfit.errors import DataError, Problem
from marketfit.measure.tastes import DRAWS
from marketfit.records.base import Record, sha256_file
from marketfit.records.findings import Finding
from marketfit.records.market import ChoiceStudy, Dropped, PartWorth, Provenance
from marketfit.research.attributes import signs
from marketfit.research.choice_model import fit_choices, money
from marketfit.research.study.findings import choice_finding, worth_table
from marketfit.research.study.model import Chosen, choose_model
from marketfit.research.study.people import Counted, People, count_people
from marketfit.research.study.segments import segment_finding
from marketfit.research.study.steps import steps_of


class ChoiceFinding(Record):
    """The estimated study, what it says, and notes on how it came about."""

    study: ChoiceStudy
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class _Estimated:
    counted: Counted
    logit: MNLResult
    straight: MNLResult
    chosen: Chosen
    notes: tuple[str, ...]


def estimate_study(data: ChoiceData, people: People | None, market: MarketSpec, *, run: Run) -> ChoiceFinding:
    """Judge and weigh respondents, fit and compare models, draw utilities, find segments.

    Raises:
        DataError: coefficients can't be told apart, or something predicts choices without exception.
    """
    try:
        done = _estimate(data, people, market, run=run)
    except DataError as error:
        raise DataError(
            [Problem(f"{market.choices}: {p.where}", p.found, p.allowed, p.do) for p in error.problems]
        ) from error
    drawn = draw_utilities(
        done.chosen.model, draws=DRAWS, rng=run.seed_for("research", "utilities"), scale=done.chosen.scale
    )
    worth, money_notes = money(done.straight, price=market.price, seed=run.seed_for("research", "willingness to pay"))
    counted, model = done.counted, done.chosen.model
    study = ChoiceStudy(
        model=run.workspace.put_bytes(model_to_json(model).encode(), suffix=".json"),
        kind=done.chosen.kind,
        scale=done.chosen.scale,
        draws=run.workspace.put_array(drawn.values.astype(np.float32)),
        weights=None if drawn.weights is None else run.workspace.put_array(drawn.weights.astype(np.float32)),
        held_out=done.chosen.held_out,
        provenance=_provenance(data, counted, market, run),
        part_worths=_part_worths(model, done.logit.signs, run),
        willingness_to_pay=worth,
        log_likelihood=done.logit.log_likelihood,
        log_likelihood_null=done.logit.log_likelihood_null,
        respondents=counted.data.respondents,
        tasks=counted.data.tasks,
        simulated=market.simulated,
    )
    straight = done.straight
    steps = steps_of(straight.coding, straight.signs)
    paid = worth_table(worth, steps, price=market.price, people=counted.data.respondents)
    findings = [
        choice_finding(
            drawn,
            done.chosen.held_out,
            counted.verdicts,
            paid,
            tasks=counted.data.tasks,
            simulated=market.simulated,
            notes=counted.notes,
        )
    ]
    with run.reporter.task("segments") as progress:
        segments, segment_notes = segment_finding(
            counted.data, straight, people, price=market.price, simulated=market.simulated,
            seed=run.seed_for("research", "segments"), progress=progress,
            found=done.chosen.classes if straight is done.logit else None,  # fitted in the coding of the logit
        )  # fmt: skip
    notes = (*counted.notes, *done.notes, *done.chosen.notes, *money_notes, *segment_notes)
    return ChoiceFinding(study=study, findings=(*findings, *([segments] if segments else [])), notes=notes)


def _estimate(data: ChoiceData, people: People | None, market: MarketSpec, *, run: Run) -> _Estimated:
    counted = count_people(data, people, market, run=run)
    with run.reporter.task("choice model") as progress:
        fitted = fit_choices(
            counted.data, signs=signs(market), price=market.price, progress=lambda done: progress(0.1 * done)
        )
        chosen = choose_model(
            fitted.model,
            counted.data,
            wanted=market.model,
            seed=run.seed_for("research", "model"),
            progress=lambda done: progress(0.1 + 0.9 * done),
        )
    return _Estimated(counted, fitted.model, fitted.straight_price, chosen, fitted.notes)


def _part_worths(model: ChoiceModel, signs: Mapping[str, int], run: Run) -> tuple[PartWorth, ...]:
    """Population means of the coefficients, with standard errors; from draws where the model has none of its own."""
    names = model.coding.columns
    if isinstance(model, MNLResult):
        known = model.standard_errors_of(model.interval_errors)
        errors = [known[name] for name in names]
    else:
        rng = np.random.default_rng(run.seed_for("research", "part-worths"))
        errors = model.mean_draws(DRAWS, rng).std(axis=0, ddof=1).tolist()
    steps = {step.column: step for step in steps_of(model.coding, signs)}
    others = {NONE_COLUMN: "choosing none of them"}
    return tuple(
        PartWorth(
            name=name,
            value=value,
            standard_error=error if math.isfinite(error) else None,
            step=steps[name].words if name in steps else others.get(name, name),
            factor=steps[name].factor if name in steps else 1.0,
        )
        for name, value, error in zip(names, model.means.tolist(), errors, strict=True)
    )


def _provenance(data: ChoiceData, counted: Counted, market: MarketSpec, run: Run) -> Provenance:
    files = [file.source for file in (market.choices, market.respondents) if file is not None]
    design = market.choices.wide.design if market.choices and market.choices.wide else None
    return Provenance(
        files={name: sha256_file(path) for name, path in _named([*files, *([design] if design else [])]).items()},
        respondents_read=data.respondents,
        tasks_read=data.tasks,
        dropped=tuple(
            Dropped(respondent=one.respondent, tasks=one.tasks, reasons=one.reasons) for one in counted.dropped
        ),
        weighted_to=tuple(market.population),
        seed=run.seed,
    )


def _named(files: Sequence[Path]) -> dict[str, Path]:
    """Files by their paths below the folder that holds them all, whatever machine it is on.

    >>> list(_named([Path("/m/a/data.csv"), Path("/m/b/data.csv")])), list(_named([Path("/m/a/data.csv")]))
    (['a/data.csv', 'b/data.csv'], ['data.csv'])
    """
    full = [path.absolute() for path in files]
    folder = os.path.commonpath([path.parent for path in full]) if full else ""
    return {path.relative_to(folder).as_posix(): path for path in full}
