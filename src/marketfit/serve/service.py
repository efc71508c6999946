"""What the server does, without HTTP: answer, record, then acknowledge."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass

from pydantic import JsonValue

from marketfit import bundle
from marketfit.errors import InputError, Problem
from marketfit.ledger import Event, Ledger
from marketfit.ledger.feedback import FeedbackItem, read_feedback
from marketfit.ledger.traffic import Answer, Predicted, prediction_events, secret_lottery
from marketfit.serve.batcher import Batcher
from marketfit.serve.champion import ChampionWatch, Loaded
from marketfit.serve.metrics import Metrics
from marketfit.serve.refusal import RefusalError, not_ready
from marketfit.serve.settings import ServeSettings

_LOG = logging.getLogger("marketfit.serve")


@dataclass(frozen=True)
class Answered:
    """The answers to one request; their events are on disk."""

    digest: str
    events: tuple[Event, ...]


class Service:
    """The bundle in service, the ledger and the queue between them."""

    def __init__(self, settings: ServeSettings) -> None:
        """Open the ledger and, if a bundle is named, load it.

        Raises:
            InputError: no such workspace, no product to serve, or a bundle that can't be trusted.
        """
        self.settings = settings
        self.metrics = Metrics()
        fixed = _named(settings)
        if not settings.workspace.is_dir():
            problem = Problem(str(settings.workspace), "there is no such workspace", "a folder", "run the brief first")
            raise InputError([problem])
        self.ledger = Ledger.beside(settings.workspace.resolve(), url=settings.ledger_url)
        try:
            self.ledger.check_writable()
            self.product = _product(settings, self.ledger, fixed)
        except InputError:
            self.ledger.close()
            raise
        self.watch = ChampionWatch(
            settings, ledger=self.ledger, product=self.product, metrics=self.metrics, fixed=fixed
        )
        self._lottery = secret_lottery(settings.audit_rate)
        self._batcher: Batcher[Answered] = Batcher(
            self.answer_together,
            window=settings.batch_window_ms / 1000.0,
            most=settings.max_batch,
            waiting=settings.max_waiting,
        )

    def start(self) -> None:
        """Load the champion and start answering."""
        self.watch.start()
        self._batcher.start()

    def stop(self) -> None:
        """Answer what is queued, then let go of everything."""
        self._batcher.stop()
        self.watch.stop()
        self.ledger.close()

    @property
    def loaded(self) -> Loaded:
        """The bundle in service.

        Raises:
            RefusalError: 503, there is none.
        """
        loaded = self.watch.loaded
        if loaded is None:
            raise not_ready(self.watch.why)
        return loaded

    def submit(self, inputs: Sequence[JsonValue]) -> Future[Answered]:
        """Queue a request; its result is there when its events are on disk.

        Raises:
            RefusalError: 503, not ready or too much is waiting.
        """
        _ = self.loaded
        return self._batcher.submit(inputs)

    def answer_together(self, requests: Sequence[Sequence[JsonValue]]) -> list[Answered | Exception]:
        """Answer several requests with one call of the model and one transaction of the ledger."""
        loaded = self.loaded  # the whole batch is answered by one bundle, whatever is promoted meanwhile
        self.metrics.batch.observe(sum(map(len, requests)))
        answers = _predict(loaded, requests)
        recorded: list[Answered | Exception] = [
            answer
            if isinstance(answer, Exception)
            else Answered(
                loaded.digest,
                tuple(prediction_events(answer, product=self.product, bundle=loaded.digest, lottery=self._lottery)),
            )
            for answer in answers
        ]
        events = [event for one in recorded if isinstance(one, Answered) for event in one.events]
        self.ledger.append(events)
        self.metrics.predictions.labels(loaded.digest).inc(len(events))
        self.metrics.abstentions.labels(loaded.digest).inc(sum(event.payload["abstain"] is True for event in events))
        return recorded

    def feedback(self, items: Mapping[str, FeedbackItem]) -> tuple[list[str], int]:
        """Record feedback, all of it or nothing; gives the ids of the events and how many are new.

        Raises:
            RefusalError: 404 if all that is wrong is that predictions are unknown, else 422.
        """
        labels = self.loaded.bundle.labels
        reading = read_feedback(items, ledger=self.ledger, product=self.product, labels=labels)
        if reading.problems:
            raise RefusalError(404 if reading.unknown == len(reading.problems) else 422, reading.problems)
        new = self.ledger.append(reading.events)
        for event in reading.events:
            kind = "thumb" if "thumb" in event.payload else "correction" if event.subject else "example"
            self.metrics.feedback.labels("truth" if event.kind == "truth" else kind).inc()
        return [event.id for event in reading.events], new

    def unreviewed(self, *, after: int, limit: int) -> list[Predicted]:
        """Audited predictions that wait for a reviewer."""
        return [Predicted.of(event) for event in self.ledger.unreviewed(self.product, after=after, limit=limit)]

    def erase(self, prediction: str) -> int:
        """Blank what a person wrote; gives the number of events.

        Raises:
            RefusalError: 404, no such event.
        """
        count = self.ledger.erase(self.product, prediction)
        if not count:
            problem = Problem("prediction", f"there is no '{prediction[:64]}'", "an id that /predict gave", "check it")
            raise RefusalError(404, [problem])
        return count


def _predict(loaded: Loaded, requests: Sequence[Sequence[JsonValue]]) -> list[list[Answer] | Exception]:
    """One call for all; if it fails, one for each, so that nobody pays for another's input."""
    try:
        whole = loaded.bundle.predict([example for inputs in requests for example in inputs])
    except Exception as error:
        if len(requests) == 1:
            return [error]
        return [_predict(loaded, [inputs])[0] for inputs in requests]
    rest = iter(whole)
    return [[_answer(example, next(rest)) for example in inputs] for inputs in requests]


def _answer(example: JsonValue, prediction: bundle.Prediction) -> Answer:
    return Answer(
        input=example, label=prediction.label, score=float(prediction.score), abstain=bool(prediction.abstain)
    )


def _named(settings: ServeSettings) -> Loaded | None:
    if settings.bundle is None:
        return None
    opened = bundle.load(settings.bundle, threads=settings.threads, key=settings.key)
    if not opened.labels or opened.digest is None:
        problem = Problem(str(settings.bundle), "this bundle has no labels, it only embeds", "", "serve a classifier")
        raise InputError([problem])
    return Loaded(opened, opened.digest)


def _product(settings: ServeSettings, ledger: Ledger, fixed: Loaded | None) -> str:
    if fixed is not None:
        found = fixed.bundle.spec.product
        if settings.product not in (None, found):
            problem = Problem(
                str(settings.bundle), f"a bundle of '{found}'", f"wanted: '{settings.product}'", "name the right one"
            )
            raise InputError([problem])
        return found
    if settings.product is not None:
        return settings.product
    known = ledger.products(kind="decision")
    if len(known) == 1:
        return known[0]
    found = "there is no champion yet" if not known else "there are several products: " + ", ".join(known)
    do = "run a brief first, or name a bundle" if not known else "name the product"
    raise InputError([Problem(str(settings.workspace), found, "one product with a champion", do)])
