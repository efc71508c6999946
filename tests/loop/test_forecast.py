"""The forecast counts what is embedded: not the first backbone's rows again, and lookups not at all."""

from __future__ import annotations

from marketfit.loop.forecast import _work
from marketfit.records.models import Backbone


def backbone(parameters: int, *, cut: int | None = None, static: bool = False) -> Backbone:
    return Backbone(
        name="b", source="b", cut=cut, static=static, parameters=parameters, weights_sha256="0", methods=("probe",)
    )


def test_only_what_is_embedded_again_takes_time() -> None:
    whole, half, table = backbone(20), backbone(15, cut=3), backbone(8, static=True)
    assert _work([whole]) == 0.0
    assert _work([whole, half, table]) == 0.75
    assert _work([half, whole, table]) == 1.0  # an upper figure: nothing is said to cost more than the first
