"""A small market on disk: choices with known tastes, competitors, opinions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from marketfit.brief import SurveyFile

MARKET = """\
product: tiny
task: text-classification
data: {source: data.csv, input: text, label: label}
require: {accuracy: ">= 0.5"}
market:
  goal: profit
  audience: 1000
  unit_cost: 0.5
  choices: choices.csv
  model: logit
  drop_careless: false
  competitors: competitors.csv
  opinions: opinions.csv
  attributes:
    accuracy: {metric: accuracy, better: higher}
    privacy: {offer: on-device}
    price: {offer: [2, 4, 6], better: lower}
"""

COMPETITORS = "offer,accuracy,privacy,price\nRival,0.9,cloud,4\nOther,0.8,on-device,2\n"
OPINIONS = "item,respondent,label\nhello,a,x\nhello,b,x\nhello,c,y\nbye,a,y\nbye,b,y\nbye,c,x\nlater,a,y\nlater,b,y\n"

WORTH = {0.8: 0.0, 0.9: 1.0, 0.95: 1.2, 2.0: 2.0, 4.0: 1.6, 6.0: 0.0, "cloud": 0.0, "on-device": 0.8}


def choices(seed: int = 0, *, people: int = 120, tasks: int = 8, none: bool = True) -> pl.DataFrame:
    """Logit choices by the part-worths of WORTH; `none` is worth 1.5."""
    rng = np.random.default_rng(seed)
    rows: list[tuple[object, ...]] = []
    for person in range(people):
        for task in range(tasks):
            shown = [
                (rng.choice([0.8, 0.9, 0.95]), str(rng.choice(["cloud", "on-device"])), rng.choice([2.0, 4.0, 6.0]))
                for _ in range(3)
            ]
            utility = [sum(WORTH[cell] for cell in cells) for cells in shown] + ([1.5] if none else [])
            won = int(np.argmax(np.array(utility) + rng.gumbel(size=len(utility))))
            alternatives = [*((str(i + 1), *cells) for i, cells in enumerate(shown))]
            alternatives += [("none", None, None, None)] if none else []
            rows += [(f"p{person}", task, a[0], int(i == won), *a[1:]) for i, a in enumerate(alternatives)]
    columns = ["respondent", "task", "alternative", "chosen", "accuracy", "privacy", "price"]
    return pl.DataFrame(rows, schema=columns, orient="row")


@pytest.fixture(scope="session")
def make_choices() -> Callable[..., pl.DataFrame]:
    return choices


def in_folder(folder: Path, text: str = MARKET, **files: str) -> Path:
    (folder / "data.csv").write_text("text,label\nhello,x\nbye,y\n", encoding="utf-8")
    contents = {"competitors": COMPETITORS, "opinions": OPINIONS, **files}
    if "choices" not in contents:
        contents["choices"] = choices().write_csv()
    for name, content in contents.items():
        (folder / f"{name}.csv").write_text(content, encoding="utf-8")
    path = folder / "brief.yaml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def put_market() -> Callable[..., Path]:
    """Write the market's files into a folder, some replaced, and give the brief's path."""
    return in_folder


@pytest.fixture
def write_market(tmp_path: Path) -> Callable[..., Path]:
    """The same, into an empty folder."""
    return partial(in_folder, tmp_path)


@pytest.fixture(scope="module")
def short_study() -> Iterator[None]:
    """For the tests of a module: few classes of people, and few worlds of price competition, which others test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("marketfit.research.study.segments.CLASSES", (1, 2))
        patch.setattr("marketfit.research.study.reaction.WORLDS", 20)
        yield


@pytest.fixture
def survey(tmp_path: Path) -> Callable[[str], SurveyFile]:
    """Write a file of answers."""

    def write(text: str) -> SurveyFile:
        path = tmp_path / "answers.csv"
        path.write_text(text, encoding="utf-8")
        return SurveyFile(source=path)

    return write
