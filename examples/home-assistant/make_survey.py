"""Make the survey files of the home-assistant example: SIMULATED respondents, not people.

Everything under `survey/` and `market/` is made by this script from the true values written in `simulation/`, with a
fixed seed. Nobody was asked anything. That is the point: because the truth is known, the demo can check whether
marketfit finds it again. Run it from anywhere; the same numpy gives the same bytes:

    python examples/home-assistant/make_survey.py

`simulation/truth.py` has the tastes of the buyers, and `true_shares` for any offers; `simulation/questions.py` has the
true values behind the other questionnaires. The README states the truth in tables. `--truth` prints the true shares.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from simulation import questions
from simulation.choosing import choices, draw_sample, respondents
from simulation.open_answers import codings, interviews, read_written
from simulation.opinions import opinions
from simulation.truth import ATTRIBUTES, COMPETITORS, SEED, SEGMENTS, true_shares

HERE = Path(__file__).resolve().parent
AUDIENCE, UNIT_COST = 50_000, 0.8


def read_utterances(path: Path) -> list[tuple[str, str]]:
    """Text and intent of every utterance."""
    with path.open(encoding="utf-8", newline="") as file:
        return [(row["text"], row["intent"]) for row in csv.DictReader(file)]


def write_csv(name: str, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Write one CSV file, making its folder."""
    path = HERE / name
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def truth() -> str:
    """Share and monthly profit of our product by price: accuracy 0.95 (and 0.90), 5 ms, on-device."""
    lines = ["accuracy  price  share   profit  " + "  ".join(SEGMENTS)]
    for accuracy in ("0.95", "0.90"):
        for price in ("2", "4", "6"):
            ours = {"accuracy": accuracy, "latency_ms": "5", "privacy": "on-device", "price": price}
            offers = [ours, *COMPETITORS.values()]
            share = float(true_shares(offers)[0])
            profit = AUDIENCE * share * (float(price) - UNIT_COST)
            parts = "  ".join(f"{true_shares(offers, segment=name)[0]:.1%}" for name in SEGMENTS)
            lines.append(f"{accuracy}      {price}      {share:.1%}  {profit:,.0f}  {parts}")
    return "\n".join(lines)


def main() -> None:
    """Write the files; each has its own random stream, so that one never moves another."""
    streams = [np.random.default_rng(seed) for seed in np.random.SeedSequence(SEED).spawn(12)]
    sample = draw_sample(streams[0])
    written = read_written(HERE / "simulation" / "written_answers.csv")
    people = list(respondents(sample, streams[2]))
    households = {row[0]: row[2] for row in people}
    rivals = ([name, *offer.values()] for name, offer in COMPETITORS.items())
    write_csv("market/competitors.csv", ["offer", *ATTRIBUTES], rivals)
    columns = ["respondent", "task", "alternative", "chosen", *ATTRIBUTES]
    write_csv("survey/choices.csv", columns, choices(sample, streams[3]))
    write_csv("survey/respondents.csv", ["respondent", "age_group", "household", "seconds"], people)
    columns = ["item", "respondent", "label"]
    write_csv("survey/opinions.csv", columns, opinions(read_utterances(HERE / "utterances.csv"), streams[1]))
    columns = ["respondent", "task", "item_1", "item_2", "item_3", "item_4", "best", "worst"]
    write_csv("survey/maxdiff.csv", columns, questions.maxdiff(sample, streams[4]))
    columns = ["respondent", "feature", "functional", "dysfunctional"]
    write_csv("survey/kano.csv", columns, questions.kano(sample, streams[5]))
    columns = ["respondent", "too_cheap", "cheap", "expensive", "too_expensive", "buy_cheap", "buy_expensive"]
    write_csv("survey/prices.csv", columns, questions.prices(sample, streams[6]))
    columns = ["respondent", "recommend", "satisfied", "scale", "disappointed", "segment"]
    write_csv("survey/satisfaction.csv", columns, questions.satisfaction(sample, households, streams[7]))
    columns = ["respondent", "attribute", "scale", "importance", "performance"]
    write_csv("survey/importance.csv", columns, questions.importance(sample, streams[8]))
    columns = ["respondent", "offer", "attribute", "scale", "rating"]
    write_csv("survey/perceptions.csv", columns, questions.perceptions(sample, streams[9]))
    write_csv("survey/interviews.csv", ["respondent", "text"], interviews(written, sample, streams[10]))
    write_csv("survey/codings.csv", ["unit", "respondent", "code"], codings(written, streams[11]))


if __name__ == "__main__":
    if "--truth" in sys.argv[1:]:
        sys.stdout.write(truth() + "\n")
    else:
        main()
