"""Where jobs run: in processes of this machine, or on Ray."""

from __future__ import annotations

from marketfit.engine.jobs.contract import Jobs, Lost, Pool
from marketfit.engine.jobs.local import LocalJobs
from marketfit.engine.jobs.on_ray import RayJobs
from marketfit.engine.jobs.process import exit_words

__all__ = ["Jobs", "LocalJobs", "Lost", "Pool", "RayJobs", "exit_words", "jobs_at"]


def jobs_at(ray: str | None) -> Jobs:
    """Jobs on the Ray cluster at an address (`local` starts one here), or in processes of this machine.

    Raises:
        MissingExtraError: the extra `ray` is not installed.
        InputError: there is no cluster at the address.
    """
    return LocalJobs() if ray is None else RayJobs(ray)
