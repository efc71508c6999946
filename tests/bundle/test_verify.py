"""Every kind of tampering is found, before a runtime has opened anything."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import JsonValue

from marketfit import registry
from marketfit.bundle import Sealed, load, verify
from marketfit.bundle import layout as layout_module
from marketfit.bundle.layout import BOM, CARD, CONTRACT, GRAPH, MANIFEST, SPEC
from marketfit.errors import BundleError

FILES = (SPEC, GRAPH, CONTRACT, CARD, BOM, MANIFEST, "tokenizer.json")

Refusal = Callable[[Path], str]


def edit_json(path: Path, **changes: JsonValue) -> None:
    """Change fields of a JSON file, in the byte form that marketfit writes."""
    content = json.loads(path.read_bytes()) | changes
    path.write_bytes(layout_module.encode(content))


def test_an_untouched_bundle_is_accepted(original: Sealed) -> None:
    assert verify(original.folder) == original.manifest
    assert set(original.manifest.files) == set(FILES) - {MANIFEST}


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_any_changed_bit_of_any_file_is_found(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory, original: Sealed
) -> None:
    folder = tmp_path_factory.mktemp("flip") / "bundle"
    shutil.copytree(original.folder, folder)
    path = folder / data.draw(st.sampled_from(FILES))
    content = bytearray(path.read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(content)
    with pytest.raises(BundleError) as caught:
        verify(folder)
    # Of a wrong manifest only the disagreement is known, not which side of it was changed.
    assert path.name == MANIFEST or path.name in str(caught.value)


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_found(sealed: Path, refusal: Refusal, name: str) -> None:
    (sealed / name).unlink()
    text = refusal(sealed)
    assert name in text
    assert "missing" in text or "no manifest" in text


@pytest.mark.parametrize("name", ["notes.txt", "deep/notes.txt", "model.onnx.data"])
def test_an_extra_file_is_found(sealed: Path, refusal: Refusal, name: str) -> None:
    (sealed / name).parent.mkdir(exist_ok=True)
    (sealed / name).write_text("more")
    assert f"{name}: the file is not in the manifest" in refusal(sealed)


@pytest.mark.parametrize("name", [".hidden", "a b", "é", "-x"])
def test_an_unsafe_name_is_found(sealed: Path, refusal: Refusal, name: str) -> None:
    (sealed / name).write_text("more")
    assert "unsafe file name" in refusal(sealed)


@pytest.mark.parametrize("name", FILES)
def test_a_link_to_the_same_bytes_is_found(sealed: Path, refusal: Refusal, tmp_path: Path, name: str) -> None:
    (sealed / name).rename(tmp_path / "elsewhere")
    (sealed / name).symlink_to(tmp_path / "elsewhere")
    assert f"{name}: this is a symbolic link" in refusal(sealed)


def test_a_linked_folder_is_found_and_not_followed(sealed: Path, refusal: Refusal, tmp_path: Path) -> None:
    (sealed / "more").symlink_to(tmp_path, target_is_directory=True)
    text = refusal(sealed)
    assert "this is a symbolic link" in text
    assert text.startswith("1 problem\n")


def test_what_is_no_file_is_found(sealed: Path, refusal: Refusal) -> None:
    os.mkfifo(sealed / "pipe")
    assert "neither a file nor a folder" in refusal(sealed)


def test_everything_is_told_at_once(sealed: Path, refusal: Refusal) -> None:
    (sealed / "tokenizer.json").unlink()
    (sealed / "extra.txt").write_text("x")
    (sealed / GRAPH).write_bytes(b"\xff" * 100)
    (sealed / "link").symlink_to(sealed / SPEC)
    text = refusal(sealed)
    for part in ("tokenizer.json: the file is missing", "extra.txt", "model.onnx: the file was changed",
                 "not an ONNX model", "symbolic link"):  # fmt: skip
        assert part in text


@pytest.mark.parametrize("name", ["../outside.txt", "/etc/hostname", "a/../../outside.txt", "./card.md", MANIFEST])
def test_a_manifest_can_not_name_a_file_outside(sealed: Path, refusal: Refusal, tmp_path: Path, name: str) -> None:
    (tmp_path / "outside.txt").write_text("secret")
    manifest = json.loads((sealed / MANIFEST).read_bytes())
    manifest["files"][name] = {"sha256": "0" * 64, "bytes": 6}
    (sealed / MANIFEST).write_bytes(layout_module.encode(manifest))
    assert f"unsafe file name {name!r}" in refusal(sealed)


def test_names_that_differ_in_case_only_are_refused(
    sealed: Path, refusal: Refusal, forge: Callable[[Path], None]
) -> None:
    (sealed / "CARD.md").write_text("another card")
    forge(sealed)
    assert "differ in case only" in refusal(sealed)


def test_a_manifest_in_another_byte_form_is_refused(sealed: Path, refusal: Refusal) -> None:
    content = json.loads((sealed / MANIFEST).read_bytes())
    (sealed / MANIFEST).write_text(json.dumps(content))
    assert "not in the form that marketfit writes" in refusal(sealed)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[]", "unknown format None"),
        (b'{"format": 2}', "unknown format 2"),
        (b'{"format": true}', "unknown format True"),
        (b'{"format": 1}', "the field is missing"),
        (b"\xff\xfe", "not JSON"),
    ],
)
def test_a_manifest_that_is_none_is_refused(sealed: Path, refusal: Refusal, content: bytes, says: str) -> None:
    (sealed / MANIFEST).write_bytes(content)
    assert says in refusal(sealed)


def test_product_and_task_are_those_of_the_spec(sealed: Path, refusal: Refusal) -> None:
    edit_json(sealed / MANIFEST, product="another")
    assert "product and task are 'another'" in refusal(sealed)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"temperature": 0.0}, "bundle.json:temperature"),
        ({"abstain_below": 1.5}, "bundle.json:abstain_below"),
        ({"labels": ["a", "a"]}, "a label occurs twice"),
        ({"session": {"threads": 0, "spinning": False, "arena": True}}, "bundle.json:session.threads"),
        ({"task": ""}, "bundle.json:task"),
        ({"surprise": 1}, "surprise"),
        ({"format": 7}, "unknown format 7"),
    ],
)
def test_a_spec_that_no_runtime_could_use_is_refused_even_with_a_fitting_manifest(
    sealed: Path, refusal: Refusal, forge: Callable[[Path], None], changes: dict[str, JsonValue], says: str
) -> None:
    edit_json(sealed / SPEC, **changes)
    forge(sealed)
    assert says in refusal(sealed)


@pytest.mark.parametrize(
    ("verdict", "value", "says"),
    [("met", 0.5, "said to be 'met'; its measurement proves 'broken'"), ("broken", 0.99, "proves 'met'")],
)
def test_a_verdict_that_its_measurement_does_not_prove_is_refused(
    *, sealed: Path, refusal: Refusal, forge: Callable[[Path], None], verdict: str, value: float, says: str
) -> None:
    measured = {"metric": "accuracy", "value": value, "low": value, "high": value, "n": 400, "confidence": 0.95,
                "conditions": "", "machine": ""}  # fmt: skip
    need = {"metric": "accuracy", "op": ">=", "limit": 0.9, "confidence": 0.95}
    edit_json(sealed / CONTRACT, clauses=[{"requirement": need, "measurement": measured, "verdict": verdict}])
    forge(sealed)
    assert says in refusal(sealed)


def test_a_size_that_is_not_the_real_one_is_refused(
    sealed: Path, refusal: Refusal, forge: Callable[[Path], None]
) -> None:
    measured = {"metric": "size_mb", "value": 0.001, "low": 0.001, "high": 0.001, "n": 1, "confidence": 0.95,
                "conditions": "", "machine": ""}  # fmt: skip
    need = {"metric": "size_mb", "op": "<=", "limit": 30.0, "confidence": 0.95}
    edit_json(sealed / CONTRACT, clauses=[{"requirement": need, "measurement": measured, "verdict": "met"}])
    forge(sealed)
    assert "size_mb is said to be 0.001" in refusal(sealed)


def test_what_is_no_folder_is_refused(sealed: Path, refusal: Refusal, tmp_path: Path) -> None:
    assert "there is no such folder" in refusal(tmp_path / "nowhere")
    assert "not a folder" in refusal(sealed / CARD)
    (tmp_path / "empty").mkdir()
    assert "the folder is empty" in refusal(tmp_path / "empty")


def test_a_huge_bundle_is_refused_before_it_is_read(
    sealed: Path, refusal: Refusal, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (sealed / "big.bin").open("wb") as file:
        file.truncate(5 * 10**9)  # a sparse file: nothing is on the disk
    monkeypatch.setattr(sys.modules["marketfit.bundle.verify"], "file_entry", None)
    assert "bytes; at most 4,000,000,000" in refusal(sealed)


def test_a_huge_json_file_is_refused(sealed: Path, refusal: Refusal) -> None:
    with (sealed / MANIFEST).open("ab") as file:
        file.write(b" " * layout_module.MAX_JSON_BYTES)
    assert "larger than 500,000 bytes" in refusal(sealed)


def test_a_folder_of_too_many_files_is_refused(sealed: Path, refusal: Refusal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout_module, "MAX_FILES", 3)
    assert "more than 3 entries" in refusal(sealed)


def test_nothing_is_opened_by_a_runtime_before_all_is_checked(sealed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(registry, "runtime", asked.append)
    (sealed / "tokenizer.json").write_text("{}")
    with pytest.raises(BundleError):
        load(sealed)
    assert asked == []
