"""What is made once and kept in the work folder: the rows in three parts, and somebody's fine-tuned classifier.

The classifier is a plain transformers one, trained by a plain loop: `marketfit compress` is for models from elsewhere.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from marketfit.task import normalise_text

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "clinc150.parquet"
LEFT_OUT = "oos"  # CLINC150's label of what is out of scope
PARTS = 15
FOR_TUNING, HELD = 5, 2  # of 15 rows of a label: those that train the model, those that only the re-measurement sees
QUICK_ROWS = 30  # of each label
BATCH, RATE, WARM_UP = 32, 5e-4, 0.1

Row = tuple[str, str]  # text and label


@dataclass(frozen=True)
class Rows:
    """tuning: train the model. given: what marketfit gets. held: for the re-measurement alone."""

    tuning: Sequence[Row]
    given: Sequence[Row]
    held: Sequence[Row]


def read_rows(data: Path, *, quick: bool) -> Rows:
    """The parts of every label, at random but always the same; each text once."""
    found: dict[str, str] = {}
    for row in pq.read_table(data, columns=["text", "label"]).to_pylist():
        if row["label"] != LEFT_OUT:
            found.setdefault(normalise_text(row["text"]), row["label"])
    by_label = defaultdict(list)
    for text, label in found.items():
        by_label[label].append((text, label))
    rng = np.random.default_rng(0)
    parts: tuple[list[Row], list[Row], list[Row]] = ([], [], [])
    for label in sorted(by_label):
        rows = [by_label[label][place] for place in rng.permutation(len(by_label[label])).tolist()]
        for place, row in enumerate(rows[: QUICK_ROWS if quick else None]):
            turn = place % PARTS
            parts[0 if turn < FOR_TUNING else 2 if turn < FOR_TUNING + HELD else 1].append(row)
    tuning, given, held = ([part[place] for place in rng.permutation(len(part)).tolist()] for part in parts)
    return Rows(tuning, given, held)


def write_rows(rows: Rows, work: Path) -> None:
    """`given.parquet` for marketfit and `held.json` for the re-measurement."""
    texts, labels = zip(*rows.given, strict=True)
    pq.write_table(pa.table({"text": texts, "label": labels}), work / "given.parquet")
    (work / "held.json").write_text(json.dumps(rows.held), "utf-8")


def fine_tune(rows: Sequence[Row], into: Path, *, layers: int, epochs: int) -> None:
    """The first layers of MiniLM under transformers' own classification head, saved as transformers saves it."""
    import torch
    import transformers

    from marketfit.tasks.text_classification.sources import locate

    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    torch.manual_seed(0)
    labels = sorted({label for _text, label in rows})
    numbers = {label: number for number, label in enumerate(labels)}
    source = locate("minilm", base=into.parent).folder
    tokenizer = transformers.AutoTokenizer.from_pretrained(source)
    model = transformers.AutoModelForSequenceClassification.from_pretrained(
        source, num_hidden_layers=layers, id2label=dict(enumerate(labels)), label2id=numbers, dtype=torch.float32
    ).train()
    order = torch.cat([torch.randperm(len(rows)) for _ in range(epochs)]).split(BATCH)
    optimiser = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=0.01)
    schedule = transformers.get_linear_schedule_with_warmup(optimiser, int(WARM_UP * len(order)), len(order))
    for step, places in enumerate(order):
        batch = [rows[place] for place in places.tolist()]
        inputs = tokenizer([text for text, _ in batch], padding=True, truncation=True, return_tensors="pt")
        loss = model(**inputs, labels=torch.tensor([numbers[label] for _, label in batch])).loss
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        if step % 100 == 0:
            sys.stderr.write(f"fine-tuning: step {step} of {len(order)}, loss {loss.item():.3f}\n")
    model.save_pretrained(into)
    tokenizer.save_pretrained(into)
