"""Do opinions on single examples help a model that learns from bad labels?

    python benchmarks/opinions.py [--backbone minilm-3] [--epochs 4] [--seeds 3]

CLINC150 with 20 % of the training labels flipped at random, and opinions on a quarter of the training rows: three
SIMULATED answers each, by 30 simulated people who are right with a chance of 80 % and else name any other intent. The
answers become C⁰ by one-coin Dawid–Skene. Three ways to learn, with the same recipe, steps and seed:

- plain: cross-entropy on the given labels, opinions ignored;
- relabelled: the labels of the rows asked about are replaced by the most probable one of C⁰, then cross-entropy;
- survey term: cross-entropy on the given labels, plus the survey term of the objective with C⁰.

Accuracy is that of the tuned model on the clean test split, with a 95 % interval (Clopper–Pearson, one-sided bounds at
97.5 %). Differences are paired by seed and by row.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from marketfit import bundle, registry
from marketfit.engine import reporter
from marketfit.measure.compare import compare_scores
from marketfit.measure.intervals import clopper_pearson
from marketfit.records.models import Backbone, Recipe, TermSpec
from marketfit.research.dawid_skene import Answers, one_coin
from marketfit.task import FloatMatrix, Labelled, Trainer, normalise_text
from marketfit.tune.defaults import default_recipe

HERE = Path(__file__).resolve().parent
DATA = HERE.parents[1] / "shared" / "data" / "clinc150.parquet"
TASK = "text-classification"
FLIPPED, ASKED, ANSWERS, PEOPLE, RIGHT = 0.2, 0.25, 3, 30, 0.8

Correct = NDArray[np.bool_]  # (test rows,)


def main() -> int:
    """Train every arm on every seed and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backbone", default="minilm-3")
    parser.add_argument("--epochs", type=float, help="default: that of marketfit's default recipe")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--weight", type=float, nargs="+", default=[1.0], help="λ of the survey term; an arm for each")
    parser.add_argument("--rows", type=int, help="use a random part of the training rows (for a quick look)")
    options = parser.parse_args()

    trainer = registry.trainer(TASK)
    backbone = trainer.backbones(options.backbone, base=HERE)[0]
    clean, test = read("train", rows=options.rows), read("test")
    clean = with_features(trainer, backbone, clean)
    recipe = default_recipe(backbone, "full", rows=len(clean), terms=())
    recipe = recipe.model_copy(update={"epochs": options.epochs or recipe.epochs})
    began = time.monotonic()
    found: list[dict[str, Correct]] = []
    for seed in range(options.seeds):
        arms = material(clean, weights=options.weight, seed=seed)
        found.append({name: run(trainer, backbone, recipe, arm, test, seed=seed) for name, arm in arms.items()})
        sys.stdout.write(f"seed {seed}: {accuracies(found[-1])}\n")
        sys.stdout.flush()
    sys.stdout.write("\n" + table(found) + "\n\n")
    sys.stdout.write(
        f"{backbone.name}, {recipe.epochs:g} epochs, {len(clean):,} training rows, {len(test):,} test rows, "
        f"{(time.monotonic() - began) / 60:.1f} minutes. Opinions are SIMULATED.\n"
    )
    return 0


# --- data


@dataclasses.dataclass(frozen=True)
class Arm:
    """One way to learn: training rows and the terms on top of cross-entropy."""

    train: Labelled
    terms: tuple[TermSpec, ...] = ()


def read(split: str, *, rows: int | None = None) -> Labelled:
    """One split of the in-scope intents."""
    table = pq.read_table(DATA, columns=["text", "label", "split"]).to_pylist()
    labels = tuple(sorted({row["label"] for row in table if row["split"] == "train"}))
    number = {label: index for index, label in enumerate(labels)}
    chosen = [row for row in table if row["split"] == split]
    if rows is not None:
        order = np.random.default_rng(0).permutation(len(chosen))[:rows]
        chosen = [chosen[index] for index in sorted(order.tolist())]
    targets = np.array([number[row["label"]] for row in chosen], dtype=np.int64)
    return Labelled(inputs=[normalise_text(row["text"]) for row in chosen], targets=targets, labels=labels)


def with_features(trainer: Trainer, backbone: Backbone, rows: Labelled) -> Labelled:
    """The frozen features that every training starts from: computed once for all."""
    with tempfile.TemporaryDirectory() as scratch:
        trainer.embedder(backbone, Path(scratch) / "embedder", base=HERE)
        features = bundle.load_unsealed(Path(scratch) / "embedder", threads=2).embed(rows.inputs)
    return dataclasses.replace(rows, features=features)


def material(clean: Labelled, *, weights: Sequence[float], seed: int) -> Mapping[str, Arm]:
    """Flip labels, ask people, and make the arms of it."""
    rng = np.random.default_rng([seed, 2026])
    noisy = dataclasses.replace(clean, targets=other_label(clean, rng.random(len(clean)) < FLIPPED, rng))
    asked = np.sort(rng.choice(len(clean), size=round(ASKED * len(clean)), replace=False))
    consensus = opinions(clean, asked, rng)
    relabelled = noisy.targets.copy()
    relabelled[asked] = consensus[asked].argmax(axis=1)
    arms = {"plain": Arm(noisy), "relabelled": Arm(dataclasses.replace(noisy, targets=relabelled))}
    for weight in weights:
        survey = TermSpec(name="survey", weight=weight, options={"sign": "supportive"})
        arms[f"survey term, λ = {weight:g}"] = Arm(dataclasses.replace(noisy, consensus=consensus), (survey,))
    return arms


def other_label(rows: Labelled, where: NDArray[np.bool_], rng: np.random.Generator) -> NDArray[np.int64]:
    """(n,) the labels, those at `where` replaced by any other one."""
    shift = rng.integers(1, len(rows.labels), size=len(rows))
    return np.where(where, (rows.targets + shift) % len(rows.labels), rows.targets).astype(np.int64)


def opinions(clean: Labelled, asked: NDArray[np.int64], rng: np.random.Generator) -> FloatMatrix:
    """C⁰ (rows, classes) from simulated answers; zeros where nobody was asked."""
    item = np.repeat(np.arange(len(asked)), ANSWERS)
    people = np.concatenate([rng.choice(PEOPLE, size=ANSWERS, replace=False) for _ in range(len(asked))])
    truth = dataclasses.replace(
        clean, inputs=[clean.inputs[row] for row in asked[item].tolist()], targets=clean.targets[asked[item]]
    )
    said = other_label(truth, rng.random(len(item)) >= RIGHT, rng)
    found = one_coin(Answers(item, people.astype(np.int64), said, len(asked), PEOPLE, len(clean.labels)))
    consensus = np.zeros((len(clean), len(clean.labels)), dtype=np.float32)
    consensus[asked[found.item], found.label] = found.probability
    return consensus


# --- training and scores


def run(trainer: Trainer, backbone: Backbone, recipe: Recipe, arm: Arm, test: Labelled, *, seed: int) -> Correct:
    """Train one arm and say which test rows it has right."""
    progress = reporter()
    with tempfile.TemporaryDirectory() as scratch:
        model = Path(scratch) / "model"
        with progress.task(f"training, seed {seed}, {len(arm.terms)} terms") as advance:
            trainer.fit(
                backbone,
                recipe.model_copy(update={"terms": arm.terms}),
                arm.train,
                model,
                base=HERE,
                seed=seed,
                progress=advance,
            )
        with progress.task("test") as advance:
            logits = trainer.scores(model, test.inputs, progress=advance)
    return np.asarray(logits.argmax(axis=1) == test.targets)


def accuracies(arms: Mapping[str, Correct]) -> str:
    """Accuracy of every arm with its interval."""
    told = []
    for name, right in arms.items():
        bounds = clopper_pearson(int(right.sum()), len(right), confidence=0.975)
        told.append(f"{name} {bounds.value:.2%} ({bounds.low:.2%} to {bounds.high:.2%})")
    return ", ".join(told)


def table(found: Sequence[Mapping[str, Correct]]) -> str:
    """Accuracy of every arm and seed, then what each survey term gains over the other two arms, as Markdown."""
    names = list(found[0])
    lines = [row("seed", *names), row(*["---"] * (len(names) + 1))]
    lines += [row(str(seed), *(f"{right.mean():.2%}" for right in arms.values())) for seed, arms in enumerate(found)]
    means = {name: float(np.mean([arms[name].mean() for arms in found])) for name in names}
    lines += [row("mean", *(f"{mean:.2%}" for mean in means.values())), ""]
    lines += [row("arm", "seed", *(f"points over {other}" for other in names[:2])), row(*["---"] * 4)]
    for name in names[2:]:
        lines += [
            row(name, str(seed), *(gain(arms, name, other) for other in names[:2])) for seed, arms in enumerate(found)
        ]
        lines.append(row(name, "mean", *(f"{100 * (means[name] - means[other]):+.2f}" for other in names[:2])))
    return "\n".join(lines)


def row(*cells: str) -> str:
    """One line of a Markdown table."""
    return f"| {' | '.join(cells)} |"


def gain(arms: Mapping[str, Correct], name: str, other: str) -> str:
    """Paired difference in points, with a 95 % interval over the test rows."""
    compared = compare_scores(arms[name], arms[other], confidence=0.975, seed=0)
    return f"{100 * compared.difference:+.2f} ({100 * compared.low:+.2f} to {100 * compared.high:+.2f})"


if __name__ == "__main__":
    sys.exit(main())
