"""Traffic without users: predictions, corrections and truths as the server writes them, marked as simulated."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pydantic import JsonValue

from marketfit.bundle import Bundle
from marketfit.ledger import Event, Ledger
from marketfit.ledger.feedback import FeedbackItem, read_feedback, truth_events
from marketfit.ledger.traffic import Answer, prediction_events
from marketfit.records.base import Record

_PIECE = 256


class Replay(Record):
    """What a replay wrote."""

    predictions: int
    right: int
    audited: int
    corrections: int


def replay(
    bundle: Bundle,
    inputs: Sequence[JsonValue],
    truths: Sequence[str],
    *,
    ledger: Ledger,
    audit_rate: float,
    correction_rate: float = 0.0,
    seed: int,
) -> Replay:
    """Let a bundle answer, review the audited sample, and correct some of the mistakes.

    Args:
        bundle: a sealed bundle; its product gets the events.
        inputs: examples, in the order in which they are asked.
        truths: what each of them is.
        ledger: where the events go.
        audit_rate: share of the predictions that are audited; each of these gets its truth.
        correction_rate: share of the wrong predictions that a user corrects.
        seed: of both draws.

    Raises:
        ValueError: not as many truths as inputs, or a truth that is no label of the bundle.
    """
    if len(inputs) != len(truths) or not set(truths) <= set(bundle.labels):
        raise ValueError("every input needs a truth that is a label of the bundle")
    rng = np.random.default_rng(seed)
    done = Replay(predictions=0, right=0, audited=0, corrections=0)
    for start in range(0, len(inputs), _PIECE):
        asked, true = inputs[start : start + _PIECE], truths[start : start + _PIECE]
        events = prediction_events(
            [
                Answer(input=example, label=one.label, score=float(one.score), abstain=bool(one.abstain))
                for example, one in zip(asked, bundle.predict(asked), strict=True)
            ],
            product=bundle.spec.product,
            bundle=bundle.digest or "",
            lottery=lambda: bool(rng.random() < audit_rate),
            simulated=True,
        )
        ledger.append(events)
        both = list(zip(events, true, strict=True))
        reviewed = [(event, truth) for event, truth in both if event.payload["audited"]]
        ledger.append(truth_events(reviewed))
        wrong = [(event, truth) for event, truth in both if event.payload["label"] != truth]
        noticed = [pair for pair in wrong if rng.random() < correction_rate]
        _correct(noticed, ledger=ledger, bundle=bundle)
        done = Replay(
            predictions=done.predictions + len(events),
            right=done.right + len(both) - len(wrong),
            audited=done.audited + len(reviewed),
            corrections=done.corrections + len(noticed),
        )
    return done


def _correct(noticed: Sequence[tuple[Event, str]], *, ledger: Ledger, bundle: Bundle) -> None:
    items = {event.id: FeedbackItem(prediction=event.id, label=truth) for event, truth in noticed}
    reading = read_feedback(items, ledger=ledger, product=bundle.spec.product, labels=bundle.labels)
    if reading.problems:
        raise ValueError(str(reading.problems[0]))
    ledger.append(reading.events)
