"""Which model of choice: of logit, latent classes and hierarchical Bayes, what foretells held-out tasks best."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from marketfit.demand import (
    ChoiceData,
    ChoiceModel,
    Coding,
    CrossValidation,
    HBResult,
    LatentClassResult,
    MNLResult,
    TunedScale,
    cross_validate,
    cross_validate_scaled,
    fit_hb,
    fit_latent_class,
    fit_mnl,
)
from marketfit.demand.arrays import FloatArray
from marketfit.demand.models.hierarchical.result import WORST_R_HAT
from marketfit.demand.progress import part_of
from marketfit.errors import DataError
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
    """The model with the factor on its utilities, how the candidates did on held-out tasks, and why it was taken.

    classes: latent classes in the coding of the logit, as many as BIC says, where they were fitted.
    """

    kind: Kind
    model: ChoiceModel
    scale: float
    held_out: tuple[HeldOut, ...]
    notes: tuple[str, ...]
    classes: LatentClassResult | None = None


def choose_model(
    logit: MNLResult,
    data: ChoiceData,
    *,
    wanted: Literal["auto"] | Kind,
    seed: int,
    progress: Progress,
) -> Chosen:
    """Take the wanted model; `auto` takes the settled one of three whose log-loss on held-out tasks is smallest.

    logit: fitted on `data`; its coding and signs are those of every candidate. Its scale and that of latent classes are
    maximum-likelihood estimates from all choices: they stay. Hierarchical Bayes has many coefficients to each choice
    and may be too sure of them, so its scale is tuned, by cross-validation.

    Chains of hierarchical Bayes that do not settle are no estimate, however well they foretell: the next best is taken.
    """
    trials = _Trials(data, logit.coding, logit.signs, seed)
    if wanted == "latent-class":
        found = trials.fit_classes(CLASSES, progress)
        return Chosen("latent-class", found, 1.0, (), (f"Latent classes: {found.classes}, by BIC.",), found)
    if not _can_tell_people_apart(data):
        note = f"Everybody has the same tastes here: others take {FEWEST_PEOPLE} people with {FEWEST_TASKS} tasks each."
        return Chosen("logit", logit, 1.0, (), (note,))
    compared = _compare(trials, wanted, lambda done: progress(0.6 * done))
    held = tuple(_held_out(kind, result) for kind, result in compared.results.items())
    notes = list(compared.notes)
    for kind in sorted(compared.results, key=lambda name: compared.results[name].log_loss.value):
        loss, scale = compared.results[kind].log_loss, compared.results[kind].scale
        note = f"Model: {kind}, with a log-loss of {loss.value:.3f} on {loss.tasks} tasks, each held out once."
        if scale is None:
            best = compared.classes if kind == "latent-class" and compared.classes else logit
            return Chosen(kind, best, 1.0, held, (note, *notes), compared.classes)
        model = trials.settled(lambda done: progress(0.6 + 0.4 * done))
        unsettled = f"the chains of hierarchical Bayes have not settled (R-hat {max(model.r_hat.values()):.2f}, "
        unsettled += f"above {WORST_R_HAT}, after {model.iterations} iterations)"
        if model.converged or wanted == kind:
            factor = (
                f"Utilities are multiplied by {proven(scale):.2f} (best factor on held-out tasks {scale.value:.2f}, "
                f"{scale.low:.2f} to {scale.high:.2f})."
            )
            care = () if model.converged else (f"Take shares with care: {unsettled}.",)
            return Chosen(kind, model, proven(scale), held, (note, *notes, factor, *care), compared.classes)
        notes.append(f"Not {kind}, though its log-loss of {loss.value:.3f} is smaller: {unsettled}.")
    raise AssertionError("the logit is a candidate of `auto`, and any other wanted model is taken")


def proven(scale: TunedScale) -> float:
    """The factor where held-out choices prove that it is not 1, else 1: the fit's own scale stands until then."""
    return 1.0 if scale.low <= 1.0 <= scale.high else scale.value


def _can_tell_people_apart(data: ChoiceData) -> bool:
    if data.respondent is None or data.respondents < FEWEST_PEOPLE:
        return False
    counts = np.unique(data.respondent, return_counts=True)[1]
    return float(np.median(counts)) >= FEWEST_TASKS


@dataclass(frozen=True, eq=False)
class _Compared:
    """How the candidates foretell; the latent classes, where they are one; and what is no candidate, and why."""

    results: Mapping[Kind, CrossValidation]
    classes: LatentClassResult | None
    notes: tuple[str, ...]


def _compare(trials: _Trials, wanted: Literal["auto"] | Kind, progress: Progress) -> _Compared:
    """The wanted model, or all for `auto`, on the same held-out tasks."""
    results: dict[Kind, CrossValidation] = {}
    notes: list[str] = []
    classes = None
    if wanted in ("auto", "logit"):
        results["logit"] = trials.logit()
    if wanted == "auto":
        try:
            classes = trials.fit_classes(CLASSES, lambda done: progress(0.3 * done))
            if classes.classes > 1:
                results["latent-class"] = trials.classes(classes.classes, lambda done: progress(0.3 + 0.1 * done))
            else:
                notes.append("No latent classes: by BIC one set of tastes describes everybody best.")
        except DataError as error:
            # A recorded result: the report says why this candidate is missing from the table.
            notes.append(f"Latent classes are no candidate: {error.problems[0]}.")
    if wanted in ("auto", "hierarchical-bayes"):
        results["hierarchical-bayes"] = trials.bayes(lambda done: progress(0.4 + 0.6 * done))
    return _Compared(results, classes, tuple(notes))


@dataclass(frozen=True, eq=False)
class _Members:
    """Latent classes that foretell people of the fit by the class that each is likely in."""

    model: LatentClassResult

    def predict(self, data: ChoiceData) -> FloatArray:
        """(rows,) as `LatentClassResult.predict_known`."""
        return self.model.predict_known(data)


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

    def classes(self, count: int, progress: Progress) -> CrossValidation:
        """So many latent classes."""
        begun = iter(range(FOLDS))

        def fit(part: ChoiceData) -> _Members:
            return _Members(self.fit_classes((count,), part_of(progress, next(begun), FOLDS), part))

        return cross_validate(fit, self.data, folds=FOLDS, rng=self.seed)

    def bayes(self, progress: Progress) -> CrossValidation:
        """Hierarchical Bayes."""
        begun = iter(range(FOLDS))

        def fit(part: ChoiceData) -> HBResult:
            return self._fit_bayes(part, TRYING, part_of(progress, next(begun), FOLDS))

        return cross_validate_scaled(fit, self.data, folds=FOLDS, rng=self.seed)

    def fit_classes(
        self, counts: Sequence[int], progress: Progress, part: ChoiceData | None = None
    ) -> LatentClassResult:
        """Latent classes of all data or of a part, as many of `counts` as BIC says."""
        return fit_latent_class(
            self.data if part is None else part,
            classes=counts,
            coding=self.coding,
            signs=self.signs,
            rng=self.seed,
            progress=progress,
        )

    def settled(self, progress: Progress) -> HBResult:
        """Hierarchical Bayes for the last word: again, and longer, while its chains do not settle."""
        for attempt, iterations in enumerate(ITERATIONS):
            model = self._fit_bayes(self.data, iterations, part_of(progress, attempt, len(ITERATIONS)))
            if model.converged:
                break
        return model

    def _fit_bayes(self, data: ChoiceData, iterations: int, progress: Progress) -> HBResult:
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
