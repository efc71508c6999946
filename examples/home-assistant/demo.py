"""One whole turn of the loop, and a second one that learns from users. Run it from anywhere:

    python examples/home-assistant/demo.py

It takes the brief beside it to a bundle, serves that bundle on this machine, lets (simulated) users say what is right
and a (simulated) reviewer check live traffic, and trains a challenger that has to prove itself against the champion.
Exit status 0: the first contract is kept, every requirement `met`.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeAlias

import marketfit
from marketfit import engine, loop

HERE = Path(__file__).resolve().parent
BRIEF = HERE / "brief.yaml"
AT_ONCE = 100  # inputs in one request

Json: TypeAlias = dict[str, "Json"] | list["Json"] | str | float | bool | None
Labelled: TypeAlias = tuple[str, str]  # text, intent


def main() -> int:
    """Fit, serve, listen, improve."""
    options = arguments()
    workspace: Path = options.workspace
    if options.fresh:
        remove(workspace)
    progress = engine.reporter()

    say("1. From the brief to a bundle")
    first = marketfit.fit(BRIEF, workspace=workspace, reporter=progress)
    say(first.as_text())
    if first.bundle is None:
        return 1

    say("2. The champion in service: users correct it, a reviewer checks a sample of live traffic")
    corrections, traffic = examples("feedback.jsonl"), examples("traffic.jsonl")
    with loop.serving(BRIEF, host="127.0.0.1", port=0, settings=["audit_rate=0"], workspace=workspace) as server:
        wrong = correct(server.url, corrections)
    say(f"{len(corrections)} users said what is right; the champion had {wrong} of them wrong.")
    # In service 5 % of the traffic would be audited for weeks; here all of a small sample is, in seconds.
    with loop.serving(BRIEF, host="127.0.0.1", port=0, settings=["audit_rate=1"], workspace=workspace) as server:
        wrong = review(server.url, traffic)
    say(f"{len(traffic)} requests were reviewed; the champion had {wrong} of them wrong.")

    say("3. A challenger learns from what users said, and has to prove itself against the champion")
    second = marketfit.improve(BRIEF, workspace=workspace, reporter=progress)
    say(second.as_text())
    return 0 if first.contract.kept else 1


def correct(url: str, corrections: Sequence[Labelled]) -> int:
    """Ask for predictions, then say of each whether it helped and what is right; gives how many were wrong."""
    wrong = 0
    for batch in batches(corrections):
        answers = predict(url, [text for text, _ in batch])
        items: list[Json] = []
        for (_, intent), answer in zip(batch, answers, strict=True):
            right = answer["label"] == intent
            wrong += not right
            items.append({"prediction": answer["id"], "thumb": "up" if right else "down", "label": intent})
        post(url, "feedback", {"items": items})
    return wrong


def review(url: str, traffic: Sequence[Labelled]) -> int:
    """Ask for predictions, then give the truth of each as a reviewer would; gives how many were wrong."""
    wrong = 0
    for batch in batches(traffic):
        answers = predict(url, [text for text, _ in batch])
        items: list[Json] = []
        for (_, intent), answer in zip(batch, answers, strict=True):
            wrong += answer["label"] != intent
            items.append({"prediction": answer["id"], "truth": intent})
        post(url, "feedback", {"items": items})
    return wrong


def predict(url: str, texts: Sequence[str]) -> list[dict[str, Json]]:
    """Labels, scores and ids for several texts."""
    answer = post(url, "predict", {"inputs": list(texts)})
    predictions = answer["predictions"]
    assert isinstance(predictions, list)
    return [prediction for prediction in predictions if isinstance(prediction, dict)]


def post(url: str, path: str, body: dict[str, Json]) -> dict[str, Json]:
    """Send JSON to the server and read its JSON."""
    request = urllib.request.Request(
        f"{url}/{path}", data=json.dumps(body).encode(), headers={"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=60) as response:
        answer: dict[str, Json] = json.load(response)
    return answer


def examples(file: str) -> list[Labelled]:
    """Texts with their intents, from a file beside this script."""
    lines = (HERE / file).read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    return [(row["text"], row["intent"]) for row in rows]


def batches(rows: Sequence[Labelled]) -> Iterator[Sequence[Labelled]]:
    """Pieces small enough for one request."""
    for start in range(0, len(rows), AT_ONCE):
        yield rows[start : start + AT_ONCE]


def remove(workspace: Path) -> None:
    """Delete an earlier workspace; any other folder is left alone."""
    if (workspace / "runs").is_dir() and (workspace / "blobs").is_dir():
        shutil.rmtree(workspace)


def say(text: str) -> None:
    """Write a paragraph to standard output; progress goes to standard error."""
    sys.stdout.write(f"\n{text}\n")
    sys.stdout.flush()


def arguments() -> argparse.Namespace:
    """The options of the command line."""
    parser = argparse.ArgumentParser(description="The home-assistant example, end to end.")
    parser.add_argument("--workspace", type=Path, default=HERE / "marketfit-workspace", help="where runs live")
    parser.add_argument("--fresh", action="store_true", help="start anew instead of resuming the last demo")
    return parser.parse_args()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except marketfit.MarketfitError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(error.exit_status)
