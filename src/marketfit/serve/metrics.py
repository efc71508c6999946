"""What Prometheus reads: one registry for each app, so that two in a process stay apart."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, generate_latest

_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class Metrics:
    """The server's numbers."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "marketfit_requests", "Requests answered", ["path", "method", "status"], registry=self.registry
        )
        self.seconds = Histogram(
            "marketfit_request_seconds", "Time to answer", ["path"], buckets=_SECONDS, registry=self.registry
        )
        self.batch = Histogram(
            "marketfit_batch_inputs", "Inputs answered together", buckets=_SIZES, registry=self.registry
        )
        self.predictions = Counter("marketfit_predictions", "Predictions on disk", ["bundle"], registry=self.registry)
        self.abstentions = Counter(
            "marketfit_abstentions", "Predictions below the threshold", ["bundle"], registry=self.registry
        )
        self.feedback = Counter("marketfit_feedback", "Feedback on disk", ["kind"], registry=self.registry)
        self.errors = Counter("marketfit_internal_errors", "Requests that failed by our fault", registry=self.registry)
        self.swaps = Counter("marketfit_champion_loads", "Champions loaded", registry=self.registry)
        self.refusals = Counter(
            "marketfit_champion_refusals", "Looks at a champion that could not be loaded", registry=self.registry
        )
        self.ready = Gauge("marketfit_ready", "1 when a bundle is loaded", registry=self.registry)
        self.champion = Info("marketfit_champion", "The bundle in service", registry=self.registry)

    def page(self) -> bytes:
        """The numbers in Prometheus' text form."""
        return generate_latest(self.registry)
