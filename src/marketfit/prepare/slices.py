"""The slices of the inputs: found once for a test split and an embedder, then kept, also when feedback comes in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from marketfit.engine import Run
from marketfit.measure.slicing import SliceRule, slice_rule
from marketfit.prepare.rows import Rows
from marketfit.records.base import Folder
from marketfit.records.data import Slicing
from marketfit.task import FloatMatrix


def slicing_of(
    rows: Rows, features: FloatMatrix, *, embedder: Folder, test_digest: str, unit: str, run: Run
) -> Slicing | None:
    """The slices that this test split is judged by; None where it has too few rows for any.

    The first ones that were found stay: champion and challenger are measured on the same slices, whatever rows the
    challenger has learnt from since.
    """
    train = [place for place, split in enumerate(rows.splits) if split == "train"]
    inputs = [rows.inputs[place] for place in train]
    key = f"slices/{test_digest[:40]}/{embedder.digest()[:40]}"
    known = run.ledger.fact(key)
    if known is None:
        rule = slice_rule(inputs, features[np.array(train)], test_rows=rows.splits.count("test"), unit=unit)
        if rule is None:
            return None
        slicing = Slicing(centres=run.workspace.put_array(rule.centres), ends=rule.ends, slices=rule.slices)
        known = run.ledger.decide_once(key, slicing.model_dump(mode="json"))
    return Slicing.model_validate(known)


def slice_columns(
    slicing: Slicing | None, rows: Rows, features: FloatMatrix, *, run: Run
) -> Mapping[str, Sequence[str | None]]:
    """The columns `slice.FAMILY` of the rows, in their order; none without a slicing."""
    if slicing is None:
        return {}
    rule = SliceRule(run.workspace.array(slicing.centres), slicing.ends, slicing.slices)
    return {f"slice.{family}": names for family, names in rule.assign(rows.inputs, features).items()}
