"""Step 6: what users said becomes rows to train on, slices that fail, and proposals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from marketfit import bundle
from marketfit.brief import Brief
from marketfit.bundle import Bundle
from marketfit.engine import Run, step
from marketfit.ledger import champion
from marketfit.ledger.traffic import Predicted
from marketfit.listen import proposals
from marketfit.listen.drift import FEWEST, Drift, drift
from marketfit.listen.gather import Traffic, audited, comparable, gather
from marketfit.listen.rows import learn
from marketfit.listen.slices import failing_slices
from marketfit.records.data import FeedbackBatch, Slice
from marketfit.task import FloatMatrix

WINDOW = 5000
"""Predictions that slices are looked for in: the newest."""
COMPARED = 500
"""Predictions in each of the two windows that drift compares, at the most."""
_PIECE = 256


@step(version=1, gives=FeedbackBatch, reads=("require",))
def listen(brief: Brief, upto: int, /, *, run: Run) -> FeedbackBatch:
    """Read what users said up to the event with the sequence number `upto`.

    Corrections and new examples become rows, except where users disagree and except on audited predictions: those and
    their truths only compare champion and challenger. Complaints are a biased sample: they propose, they never decide.
    """
    named = champion.current(run.ledger, run.product, run.workspace.root, upto=upto)
    traffic = gather(run.ledger, run.product, upto=upto, bundle=named.digest if named else "", window=WINDOW)
    model = bundle.load(named.folder) if named else None
    learnt = learn(traffic)
    features = _embed(model, traffic, run) if model else {}
    slices = _slices(traffic, features)
    changes = _drift(traffic, features, run)
    pairs = audited(run.ledger, run.product, upto=upto)
    answers = model.predict([pair.input for pair in pairs]) if model else []
    right = sum(answer.label == pair.truth for answer, pair in zip(answers, pairs, strict=False))
    thumbs = [judged.thumb for _, judged in traffic.known()]
    up, down = thumbs.count("up"), thumbs.count("down")
    sentences = chain(
        proposals.audit(right, len(answers), brief.require),
        proposals.satisfaction(up, down),
        proposals.slices(slices, rows=len(traffic.newest)),
        proposals.corrections(traffic),
        proposals.conflicts(learnt.conflicts),
        proposals.reserved(learnt),
        proposals.abstentions(traffic),
        proposals.drifts(changes.found, first=changes.rows, newest=changes.rows),
    )
    return FeedbackBatch(
        rows=learnt.rows,
        thumbs_up=up,
        thumbs_down=down,
        slices=slices,
        proposals=tuple(sentences),
        upto=traffic.last,
    )


@dataclass(frozen=True)
class _Changes:
    found: tuple[Drift, ...] = ()
    rows: int = 0


def _embed(model: Bundle, traffic: Traffic, run: Run) -> dict[str, FloatMatrix]:
    """The champion's feature row of each prediction in a window, by id."""
    wanted = list({one.id: one for one in (*traffic.first[:COMPARED], *traffic.newest)}.values())
    rows: dict[str, FloatMatrix] = {}
    with run.reporter.task("listen: embed the traffic") as advance:
        for start in range(0, len(wanted), _PIECE):
            piece = wanted[start : start + _PIECE]
            features = model.embed([one.note.input for one in piece])
            rows |= {one.id: row for one, row in zip(piece, features, strict=True)}
            advance(min(1.0, (start + _PIECE) / len(wanted)))
    return rows


def _slices(traffic: Traffic, features: dict[str, FloatMatrix]) -> tuple[Slice, ...]:
    window = traffic.newest
    failed = np.array([one.id in traffic.judged and traffic.judged[one.id].failed for one in window], dtype=np.bool_)
    if not failed.any():
        return ()
    texts = [comparable(one.note.input) for one in window]
    return failing_slices(texts, [one.note.label for one in window], failed, _matrix(window, features))


def _drift(traffic: Traffic, features: dict[str, FloatMatrix], run: Run) -> _Changes:
    count = min(COMPARED, traffic.predictions // 2)
    if count < FEWEST:
        return _Changes()
    both = [*traffic.first[:count], *traffic.newest[-count:]]
    found = drift(
        [one.note.label for one in both],
        np.array([one.note.score for one in both]),
        _matrix(both, features),
        first=count,
        rng=run.rng("listen", "drift"),
    )
    return _Changes(found, count)


def _matrix(window: Sequence[Predicted], features: dict[str, FloatMatrix]) -> FloatMatrix | None:
    return np.stack([features[one.id] for one in window]) if features else None
