"""Latency, memory and cost of variants: fresh processes on the target's threads, interleaved."""

from __future__ import annotations

from collections.abc import Sequence

from marketfit.brief import Brief
from marketfit.compress.material import Material
from marketfit.engine import Run
from marketfit.records import Variant

PROCESSES, REQUESTS = 5, 400


def time_variants(
    brief: Brief, variants: Sequence[Variant], material: Material, *, run: Run
) -> tuple[tuple[Variant, ...], str]:
    """The variants with their process measurements, and the fingerprint of the machine."""
    raise NotImplementedError
