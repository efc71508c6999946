"""Proposals by optuna (TPE; Bergstra et al. 2011) from our own recorded trials.

A study lives in memory for one question only: it is filled with the finished trials in the order of their numbers
and asked with a fresh sampler whose seed is (brief seed, trial number). So a resumed search proposes exactly what an
undisturbed one would.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from marketfit.engine import Run
from marketfit.records.models import Backbone, Recipe, TermSpec, Trial
from marketfit.tune.defaults import Method, Range, default_recipe, search_space

if TYPE_CHECKING:
    import optuna
    from optuna.distributions import BaseDistribution

_STARTUP = 5  # random proposals before the estimator has enough to go by
_ATTEMPTS = 32


@dataclass(frozen=True)
class Arm:
    """A way to tune: a backbone with a method. Each has a conditional space of its own."""

    backbone: Backbone
    method: Method

    @property
    def name(self) -> str:
        """Readable and unique within a study."""
        return f"{self.method}:{self.backbone.name}"


@dataclass(frozen=True)
class Space:
    """All arms of a study."""

    arms: tuple[Arm, ...]
    rows: int
    terms: tuple[TermSpec, ...]

    @classmethod
    def of(cls, backbones: Sequence[Backbone], *, rows: int, terms: tuple[TermSpec, ...]) -> Space:
        """Every method of every backbone."""
        methods: tuple[Method, ...] = ("full", "lora", "probe")
        arms = tuple(
            Arm(backbone, method) for method in methods for backbone in backbones if method in backbone.methods
        )
        return cls(arms, rows, terms)

    def ranges(self, arm: Arm) -> Mapping[str, Range]:
        """Parameter of the study → range."""
        space = search_space(arm.backbone, arm.method, rows=self.rows)
        return {f"{arm.name}:{field}": limits for field, limits in space.items()}

    def arm_of(self, trial: Trial) -> Arm:
        """The arm that a trial belongs to."""
        return next(
            arm for arm in self.arms if arm.backbone.name == trial.backbone.name and arm.method == trial.recipe.method
        )

    def holds(self, trial: Trial) -> bool:
        """Whether the recipe of a trial lies in the ranges."""
        ranges = self.ranges(self.arm_of(trial)).items()
        return all(
            limits.low <= getattr(trial.recipe, name.rpartition(":")[2]) <= limits.high for name, limits in ranges
        )

    def recipe(self, arm: Arm, values: Mapping[str, float]) -> Recipe:
        """The recipe with these values."""
        fields = {name.rpartition(":")[2]: value for name, value in values.items()}
        base = default_recipe(arm.backbone, arm.method, rows=self.rows, terms=self.terms)
        return Recipe.model_validate(base.model_dump() | fields)


def propose(
    space: Space,
    finished: Sequence[tuple[Trial, float]],
    *,
    number: int,
    run: Run,
    allowed: Callable[[Arm, Recipe], bool],
) -> tuple[Arm, Recipe] | None:
    """The next arm and recipe, or None where nothing that is allowed was found in 32 attempts.

    `finished` are the trials so far with their values, higher is better; a failed one has the lowest value, so that
    the search keeps away from it. One that was cut below the ranges says nothing of them and is left out.
    """
    for attempt in range(_ATTEMPTS):
        arm, recipe = _ask(space, finished, seed=run.seed_for("tune", "search", number, attempt))
        if allowed(arm, recipe):
            return arm, recipe
    return None


def _ask(space: Space, finished: Sequence[tuple[Trial, float]], *, seed: int) -> tuple[Arm, Recipe]:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=_STARTUP)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    study.add_trials([_recorded(space, trial, value) for trial, value in finished if space.holds(trial)])
    asked = study.ask()
    arms = {arm.name: arm for arm in space.arms}
    arm = arms[asked.suggest_categorical("arm", tuple(arms))]
    return arm, space.recipe(arm, {name: _suggest(asked, name, limits) for name, limits in space.ranges(arm).items()})


def _suggest(asked: optuna.trial.Trial, name: str, limits: Range) -> float:
    if limits.whole:
        return asked.suggest_int(name, int(limits.low), int(limits.high), log=limits.log)
    value = asked.suggest_float(name, limits.low, limits.high, log=limits.log)
    return min(max(float(f"{value:.3g}"), limits.low), limits.high)  # three digits are enough, and readable


def _recorded(space: Space, trial: Trial, value: float) -> optuna.trial.FrozenTrial:
    import optuna

    arm = space.arm_of(trial)
    params: dict[str, float | str] = {"arm": arm.name}
    distributions: dict[str, BaseDistribution] = {
        "arm": optuna.distributions.CategoricalDistribution(tuple(arm.name for arm in space.arms))
    }
    for name, limits in space.ranges(arm).items():
        given = getattr(trial.recipe, name.rpartition(":")[2])
        params[name] = int(given) if limits.whole else float(given)
        distributions[name] = _distribution(limits)
    return optuna.trial.create_trial(params=params, distributions=distributions, value=value)


def _distribution(limits: Range) -> BaseDistribution:
    import optuna

    if limits.whole:
        return optuna.distributions.IntDistribution(int(limits.low), int(limits.high), log=limits.log)
    return optuna.distributions.FloatDistribution(limits.low, limits.high, log=limits.log)
