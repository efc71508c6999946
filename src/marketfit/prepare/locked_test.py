"""The digest of the test split: recorded in the ledger, so that a change of it is always said."""

from __future__ import annotations

import hashlib
from typing import Protocol

from pydantic import JsonValue

from marketfit.prepare.rows import Rows
from marketfit.records.base import digest_of


class Facts(Protocol):
    """The part of the ledger that is needed here."""

    def decide_once(self, key: str, value: JsonValue) -> JsonValue:
        """Record a value under a key, or give back the one recorded first."""
        ...


def digest_of_test(rows: Rows) -> str:
    """SHA-256 over the sorted (input, label) pairs of the test split."""
    pairs = sorted(
        (hashlib.sha256(example).hexdigest() if isinstance(example, bytes) else example, label)
        for example, label, split in zip(rows.inputs, rows.labels, rows.splits, strict=True)
        if split == "test"
    )
    return digest_of([[example, label] for example, label in pairs])


def record_test(digest: str, product: str, facts: Facts) -> str:
    """Record the digest; gives a note when it is not the first of this product, else an empty text.

    The n-th digest is kept under `test-digest/PRODUCT/n`. A digest seen before keeps its number, so that a step that
    was killed and runs again says the same.
    """
    number = 1
    key = f"test-digest/{product}"
    while facts.decide_once(key, digest) != digest:
        number += 1
        key = f"test-digest/{product}/{number}"
    if number == 1:
        return ""
    return (
        f"the test split is not the one first recorded for '{product}': the data or the seed changed "
        f"(test split number {number}, SHA-256 {digest[:16]}…); figures on different test splits can't be compared"
    )
