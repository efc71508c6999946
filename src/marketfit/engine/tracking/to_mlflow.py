"""MLflow: a SQLite database in the workspace, or the server or database that the brief names."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator, Mapping

from marketfit.engine.tracking.tracker import Subject, Tracker, curves
from marketfit.task import TrainingStep

_AT_ONCE = 300  # steps that are written together
_EVERY = 10.0  # seconds at the most between two writes
_QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",  # a server that is down must not hold up a run: its default is 7
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
}


class MLflow(Tracker):
    """A run of the experiment named like the product."""

    def __init__(self, subject: Subject) -> None:
        for name, value in _QUIET.items():
            os.environ.setdefault(name, value)
        from mlflow.entities import Param
        from mlflow.tracking import MlflowClient

        with _alone(subject):
            self._client = MlflowClient(tracking_uri=subject.spec.mlflow_uri or _database(subject))
            experiment = self._experiment(subject)
        found = self._client.create_run(
            experiment,
            run_name=subject.name,
            tags={"marketfit.run": subject.run, "marketfit.product": subject.product},
        )
        self._run: str = found.info.run_id
        self._steps: list[tuple[TrainingStep, int]] = []
        self._written = time.monotonic()
        self._client.log_batch(self._run, params=[Param(k, str(v)) for k, v in subject.parameters.items()])

    def _experiment(self, subject: Subject) -> str:
        from mlflow.exceptions import MlflowException

        known = self._client.get_experiment_by_name(subject.product)
        if known is None:
            try:
                return str(self._client.create_experiment(subject.product, artifact_location=_artifacts(subject)))
            except MlflowException:  # another run was first
                known = self._client.get_experiment_by_name(subject.product)
                if known is None:
                    raise
        return str(known.experiment_id)

    def step(self, step: TrainingStep) -> None:
        """Note an optimiser step; steps are written together, since each write is a transaction or a request."""
        self._steps.append((step, _now()))
        if len(self._steps) >= _AT_ONCE or time.monotonic() - self._written >= _EVERY:
            self._write()

    def _write(self) -> None:
        from mlflow.entities import Metric

        told = [
            Metric(name, value, at, step.number) for step, at in self._steps for name, value in curves(step).items()
        ]
        self._client.log_batch(self._run, metrics=told)
        self._steps.clear()
        self._written = time.monotonic()

    def finish(self, metrics: Mapping[str, float], *, failed: bool) -> None:
        """Note the last figures and close."""
        from mlflow.entities import Metric

        self._write()
        self._client.log_batch(self._run, metrics=[Metric(name, value, _now(), 0) for name, value in metrics.items()])
        self._client.set_terminated(self._run, "FAILED" if failed else "FINISHED")


@contextlib.contextmanager
def _alone(subject: Subject) -> Iterator[None]:
    """Trials that begin at the same moment make the tables of a local database one after the other."""
    if subject.spec.mlflow_uri:
        yield
        return
    folder = subject.workspace / "mlflow"
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def _database(subject: Subject) -> str:
    return f"sqlite:///{subject.workspace / 'mlflow' / 'mlflow.sqlite'}"


def _artifacts(subject: Subject) -> str | None:
    """Where a local store keeps files; a server has its own place for them."""
    return None if subject.spec.mlflow_uri else (subject.workspace / "mlflow" / "artifacts").as_uri()


def _now() -> int:
    return int(time.time() * 1000)
