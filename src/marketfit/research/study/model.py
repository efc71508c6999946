"""Which model of choice: the logit, or hierarchical Bayes where held-out tasks say that it foretells better."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from marketfit.demand import (
    ChoiceData,
    ChoiceModel,
    Coding,
    CrossValidation,
    HBResult,
    MNLResult,
    TunedScale,
    cross_validate,
    cross_validate_scaled,
    fit_hb,
    fit_latent_class,
    fit_mnl,
)
from marketfit.records.market import HeldOut

Kind: TypeAlias = Literal["logit", "hierarchical-bayes", "latent-class"]

FEWEST_PEOPLE, FEWEST_TASKS = 25, 4
"""With fewer people, or fewer tasks of the median person, tastes of single people can't be told from noise."""
ITERATIONS, TRYING, FOLDS = (3000, 9000), 1000, 4
"""Of hierarchical Bayes: for the last word, the more only where chains have not settled; in each fold when compared."""
CLASSES = (1, 2, 3, 4, 5)

Progress: TypeAlias = Callable[[float], None]


@dataclass(frozen=True, eq=False)
class Chosen:
    """The model with the factor on its utilities, how the candidates did on held-out tasks, and why it was taken."""

    kind: Kind
    model: ChoiceModel
    scale: float
    held_out: tuple[HeldOut, ...]
    notes: tuple[str, ...]


def choose_model(
    logit: MNLResult,
    data: ChoiceData,
    *,
    wanted: Literal["auto"] | Kind,
    seed: int,
    progress: Progress,
) -> Chosen:
    """Take the wanted model; `auto` takes hierarchical Bayes where its log-loss on held-out tasks is smaller.

    logit: fitted on `data`; its coding and signs are those of every candidate. Its scale is a maximum-likelihood
    estimate from all choices: it stays. Hierarchical Bayes has many coefficients to each choice and may be too sure of
    them, so its scale is tuned, by cross-validation.
    """
    if wanted == "latent-class":
        found = fit_latent_class(
            data, classes=CLASSES, coding=logit.coding, signs=logit.signs, rng=seed, progress=progress
        )
        return Chosen("latent-class", found, 1.0, (), (f"Latent classes: {found.classes}, by BIC.",))
    if not _can_tell_people_apart(data):
        note = f"Everybody has the same tastes here: others take {FEWEST_PEOPLE} people with {FEWEST_TASKS} tasks each."
        return Chosen("logit", logit, 1.0, (), (note,))
    trials = _Trials(data, logit.coding, logit.signs, seed)
    results: dict[Kind, CrossValidation] = {}
    if wanted in ("auto", "logit"):
        results["logit"] = trials.logit()
    if wanted in ("auto", "hierarchical-bayes"):
        results["hierarchical-bayes"] = trials.bayes(lambda done: progress(0.6 * done))
    held = tuple(_held_out(kind, result) for kind, result in results.items())
    kind = min(results, key=lambda name: results[name].log_loss.value)
    loss = results[kind].log_loss
    note = f"Model: {kind}, with a log-loss of {loss.value:.3f} on {loss.tasks} tasks, each held out once."
    scale = results[kind].scale
    if scale is None:
        return Chosen(kind, logit, 1.0, held, (note,))
    factor = (
        f"Utilities are multiplied by {proven(scale):.2f} (best factor on held-out tasks {scale.value:.2f}, "
        f"{scale.low:.2f} to {scale.high:.2f})."
    )
    model = trials.fit_bayes(data, ITERATIONS[0], lambda done: progress(0.6 + 0.1 * done))
    if not model.converged:
        model = trials.fit_bayes(data, ITERATIONS[1], lambda done: progress(0.7 + 0.3 * done))
    if model.converged:
        return Chosen(kind, model, proven(scale), held, (note, factor))
    unsettled = f"the chains of hierarchical Bayes have not settled (R-hat {max(model.r_hat.values()):.2f}, above 1.05)"
    if wanted == "hierarchical-bayes":
        return Chosen(kind, model, proven(scale), held, (note, factor, f"Take shares with care: {unsettled}."))
    # An unsettled posterior is no estimate: it is not used, however well it foretells.
    return Chosen("logit", logit, 1.0, held, (f"Model: logit, because {unsettled}.",))


def proven(scale: TunedScale) -> float:
    """The factor where held-out choices prove that it is not 1, else 1: the fit's own scale stands until then."""
    return 1.0 if scale.low <= 1.0 <= scale.high else scale.value


def _can_tell_people_apart(data: ChoiceData) -> bool:
    if data.respondent is None or data.respondents < FEWEST_PEOPLE:
        return False
    counts = np.unique(data.respondent, return_counts=True)[1]
    return float(np.median(counts)) >= FEWEST_TASKS


@dataclass(frozen=True)
class _Trials:
    """Candidates on the same held-out tasks."""

    data: ChoiceData
    coding: Coding
    signs: Mapping[str, int]
    seed: int

    def logit(self) -> CrossValidation:
        """The logit."""
        return cross_validate(
            lambda part: fit_mnl(part, coding=self.coding, signs=self.signs), self.data, folds=FOLDS, rng=self.seed
        )

    def bayes(self, progress: Progress) -> CrossValidation:
        """Hierarchical Bayes."""
        begun = iter(range(FOLDS))

        def fit(part: ChoiceData) -> HBResult:
            fold = next(begun)
            return self.fit_bayes(part, TRYING, lambda done: progress((fold + done) / FOLDS))

        return cross_validate_scaled(fit, self.data, folds=FOLDS, rng=self.seed)

    def fit_bayes(self, data: ChoiceData, iterations: int, progress: Progress) -> HBResult:
        """One fit by hierarchical Bayes."""
        return fit_hb(
            data, coding=self.coding, signs=self.signs, iterations=iterations, rng=self.seed, progress=progress
        )


def _held_out(kind: Kind, result: CrossValidation) -> HeldOut:
    loss, hits = result.log_loss, result.hit_rate
    return HeldOut(
        model=kind,
        log_loss=loss.value,
        log_loss_low=loss.low,
        log_loss_high=loss.high,
        hit_rate=hits.value,
        hit_rate_low=hits.low,
        hit_rate_high=hits.high,
        tasks=loss.tasks,
        respondents=loss.respondents,
    )
