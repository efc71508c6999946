"""Plain records: strict reading without pydantic, everything that is wrong at once, and pydantic's word beside it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ConfigDict, TypeAdapter, ValidationError

from marketfit.bundle.layout import encode
from marketfit.bundle.manifest import FileEntry, Manifest
from marketfit.contract import Clause, Contract, Measurement, Requirement, Verdict, judge
from marketfit.records.bundle import BundleSpec, SessionSettings
from marketfit.records.plain import AtLeast, JsonValue, Matching, MisfitError, read_plain

NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
DIGESTS = st.text("0123456789abcdef", min_size=64, max_size=64)
JSON: st.SearchStrategy[JsonValue] = st.recursive(
    st.none() | st.booleans() | st.integers() | NUMBERS | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
SPECS = st.builds(
    BundleSpec,
    product=st.text(),
    task=st.text(),
    labels=st.lists(st.text()).map(tuple),
    input_name=st.text(),
    temperature=NUMBERS,
    abstain_below=NUMBERS,
    session=st.builds(
        SessionSettings,
        engine=st.sampled_from(["onnxruntime", "openvino"]),
        threads=st.integers(),
        spinning=st.booleans(),
        arena=st.booleans(),
    ),
    preprocessor=st.dictionaries(st.text(), JSON, max_size=3),
    lineage=st.lists(st.text()).map(tuple),
)
MANIFESTS = st.builds(
    Manifest,
    product=st.text(),
    task=st.text(),
    files=st.dictionaries(st.text(), st.builds(FileEntry, sha256=DIGESTS, bytes=st.integers(min_value=0)), max_size=4),
)
REQUIREMENTS = st.builds(
    Requirement, metric=st.text(), op=st.sampled_from([">=", "<="]), limit=NUMBERS, confidence=NUMBERS
)
MEASUREMENTS = st.builds(Measurement, metric=st.text(), value=NUMBERS, low=NUMBERS, high=NUMBERS, n=st.integers())
CONTRACTS = st.builds(
    Contract,
    clauses=st.lists(
        st.builds(
            Clause,
            requirement=REQUIREMENTS,
            measurement=st.none() | MEASUREMENTS,
            verdict=st.sampled_from(list(Verdict)),
        ),
        max_size=3,
    ).map(tuple),
)


@given(record=SPECS | MANIFESTS | CONTRACTS)
def test_what_is_written_is_read_again(record: BundleSpec | Manifest | Contract) -> None:
    again = read_plain(type(record), json.loads(encode(record)))
    assert again == record
    assert encode(again) == encode(record)


@given(document=st.dictionaries(st.sampled_from(["metric", "op", "limit", "confidence", "other"]), JSON))
def test_what_pydantic_would_refuse_is_refused(document: dict[str, JsonValue]) -> None:
    """Pydantic, strict and without unknown fields, on the same dataclass."""
    config = ConfigDict(strict=True, extra="forbid")
    strict = TypeAdapter(dataclass(type("Strict", (Requirement,), {"__pydantic_config__": config}), frozen=True))
    try:
        strict.validate_python(document)
        fits = True
    except (ValidationError, OverflowError):  # pydantic's is for an int that no float holds
        fits = False
    try:
        read_plain(Requirement, document)
        read = True
    except MisfitError:
        read = False
    assert read == fits


@dataclass(frozen=True)
class Part:
    """All kinds of fields."""

    name: Annotated[str, Matching(r"[a-z]+")]
    count: Annotated[int, AtLeast(0)] = 0
    share: float = 0.0
    on: bool = False
    kind: Literal[1, "one"] = 1
    verdict: Verdict = Verdict.MET
    parts: tuple[Part, ...] = ()
    by_name: Mapping[str, Part | None] = field(default_factory=dict)
    anything: JsonValue = None


def test_all_kinds_of_fields() -> None:
    found = read_plain(
        Part,
        {
            "name": "a",
            "count": 2,
            "share": 1,
            "on": True,
            "kind": "one",
            "verdict": "broken",
            "parts": [{"name": "b"}],
            "by_name": {"c": {"name": "c"}, "d": None},
            "anything": {"x": [1, None]},
        },
    )
    assert found == Part(
        "a", 2, 1.0, True, "one", Verdict.BROKEN, (Part("b"),), {"c": Part("c"), "d": None}, {"x": [1, None]}
    )
    assert type(found.share) is float


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ([], {"": "an object"}),
        ({}, {"name": ""}),
        ({"name": "A", "nam": 1}, {"nam": "", "name": "text like [a-z]+"}),
        ({"name": "a", "count": True}, {"count": "a whole number"}),
        ({"name": "a", "count": 1.0}, {"count": "a whole number"}),
        ({"name": "a", "count": -1}, {"count": "at least 0"}),
        ({"name": "a", "share": "1"}, {"share": "a number"}),
        ({"name": "a", "share": 10**400}, {"share": "a number"}),
        ({"name": "a", "on": 1}, {"on": "true or false"}),
        ({"name": "a", "kind": True}, {"kind": "1 or 'one'"}),
        ({"name": "a", "verdict": "good"}, {"verdict": "'met' or 'unproven' or 'broken' or 'unmeasured'"}),
        ({"name": "a", "parts": {}}, {"parts": "a list"}),
        ({"name": "a", "parts": [{"name": "b"}, {"name": 1}, 2]}, {"parts:1:name": "text", "parts:2": "an object"}),
        ({"name": "a", "by_name": [1]}, {"by_name": "an object"}),
        ({"name": "a", "by_name": {"c": {}}}, {"by_name:c:name": ""}),
    ],
)
def test_everything_wrong_is_said_at_once(document: JsonValue, said: dict[str, str]) -> None:
    with pytest.raises(MisfitError) as refused:
        read_plain(Part, document)
    assert {one.where: one.allowed for one in refused.value.misfits} == said


def test_equal_numbers_have_one_form() -> None:
    whole = Requirement(metric="size_mb", op="<=", limit=12)
    assert encode(whole) == encode(Requirement(metric="size_mb", op="<=", limit=12.0))
    assert judge(whole, None) is Verdict.UNMEASURED
