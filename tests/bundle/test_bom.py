"""The bill of materials: CycloneDX 1.6, the same bytes each time, and every field of it held against the bundle."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest
from pydantic import JsonValue

from marketfit.bundle import CardBackbone, ModelCard, Sealed, bom, read_spec, seal, verify, write_spec
from marketfit.bundle.bom import bom_problems, installed_packages, read_ingredients
from marketfit.bundle.layout import BOM, encode
from marketfit.contract import Contract
from marketfit.errors import BundleError, InputError
from marketfit.records.bundle import SessionSettings
from marketfit.registry import is_installed

WEIGHTS, ROWS, TEST = "1a" * 32, "2b" * 32, "3c" * 32
NOTHING = Contract(clauses=())
Tree = dict[str, JsonValue]


@pytest.fixture
def full(card: ModelCard) -> ModelCard:
    data = replace(card.data, rows_digest=ROWS, test_digest=TEST)
    backbone = CardBackbone(name="minilm", weights_sha256=WEIGHTS)
    return replace(card, data=data, backbone=backbone)


@pytest.fixture
def bundle(unsealed: Path, full: ModelCard, tmp_path: Path) -> Sealed:
    return seal(unsealed, contract=NOTHING, card=full, into=tmp_path / "full")


def of_type(sealed: Sealed, kind: str) -> list[Tree]:
    components = json.loads((sealed.folder / BOM).read_bytes())["components"]
    return [item for item in components if item["type"] == kind]


def test_it_lists_files_packages_backbone_and_data(bundle: Sealed) -> None:
    digests = {name: entry.sha256 for name, entry in bundle.manifest.files.items() if name != BOM}
    files = {str(item["name"]): item["hashes"] for item in of_type(bundle, "file")}
    assert files == {name: [{"alg": "SHA-256", "content": digest}] for name, digest in digests.items()}
    packages = {str(item["name"]): str(item["version"]) for item in of_type(bundle, "library")}
    assert packages == dict(installed_packages("onnxruntime"))
    assert "openvino" not in packages
    assert {str(item["purl"]) for item in of_type(bundle, "library")} >= {f"pkg:pypi/numpy@{packages['numpy']}"}
    (backbone,) = of_type(bundle, "machine-learning-model")
    assert (backbone["name"], backbone["hashes"]) == ("minilm", [{"alg": "SHA-256", "content": WEIGHTS}])
    hashes = {str(item["name"]): item["hashes"] for item in of_type(bundle, "data")}
    assert hashes == {
        "prepared rows": [{"alg": "SHA-256", "content": ROWS}],
        "test rows": [{"alg": "SHA-256", "content": TEST}],
    }


def test_it_has_the_form_of_cyclonedx(bundle: Sealed) -> None:
    """What the schema of version 1.6 wants, as far as it can be said without the schema."""
    bom = json.loads((bundle.folder / BOM).read_bytes())
    assert (bom["bomFormat"], bom["specVersion"], bom["version"]) == ("CycloneDX", "1.6", 1)
    assert not {"serialNumber", "signature"} & set(bom)
    assert "timestamp" not in bom["metadata"]
    references = [item["bom-ref"] for item in (bom["metadata"]["component"], *bom["components"])]
    assert len(set(references)) == len(references)
    (dependency,) = bom["dependencies"]
    assert [dependency["ref"], *dependency["dependsOn"]] == references
    cited = [item["ref"] for item in bom["metadata"]["component"]["modelCard"]["modelParameters"]["datasets"]]
    assert set(cited) <= set(references)
    assert bom["metadata"]["component"]["modelCard"]["considerations"]["useCases"] == ["tests"]
    assert bom["metadata"]["component"]["pedigree"]["notes"] == "a table of words"


def test_equal_inputs_give_equal_bytes_even_after_an_upgrade(
    bundle: Sealed, unsealed: Path, full: ModelCard, monkeypatch: pytest.MonkeyPatch
) -> None:
    newer = dict.fromkeys(installed_packages("onnxruntime"), "99.0.0.post1")
    monkeypatch.setattr(sys.modules[seal.__module__], "installed_packages", lambda _engine: newer)
    assert seal(unsealed, contract=NOTHING, card=full, into=bundle.folder) == bundle
    other = seal(unsealed, contract=NOTHING, card=full, into=bundle.folder.parent / "newer")
    assert other.digest != bundle.digest
    assert read_ingredients(other.folder).packages == newer


def leaves(tree: JsonValue, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    if isinstance(tree, dict):
        for name, item in tree.items():
            yield from leaves(item, (*path, name))
    elif isinstance(tree, list):
        for number, item in enumerate(tree):
            yield from leaves(item, (*path, number))
    else:
        yield path


def put(tree: JsonValue, path: tuple[str | int, ...], value: JsonValue) -> JsonValue:
    changed = json.loads(json.dumps(tree))
    place = changed
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return changed


def test_every_field_is_checked(bundle: Sealed) -> None:
    """Each leaf, changed to another well-formed value of its kind, is found."""
    spec, files = read_spec(bundle.folder), bundle.manifest.files
    tree = json.loads((bundle.folder / BOM).read_bytes())
    missed = []
    for path in leaves(tree):
        value = tree
        for step in path:
            value = value[step]
        other: JsonValue = 2 if isinstance(value, int) else "f" * 64 if path[-1] == "content" else f"{value}0"
        (bundle.folder / BOM).write_bytes(encode(put(tree, path, other)))
        try:
            found = bom_problems(bundle.folder, spec, files)
        except BundleError as error:
            found = error.problems
        if not found:
            missed.append(path)
    assert missed == []


def test_a_forged_bill_is_refused(bundle: Sealed, forge: Callable[[Path], None]) -> None:
    """A manifest that fits the changed bill does not help."""
    tree = json.loads((bundle.folder / BOM).read_bytes())
    tree["components"] = [item for item in tree["components"] if item["name"] != "model.onnx"]
    (bundle.folder / BOM).write_bytes(encode(tree))
    forge(bundle.folder)
    with pytest.raises(BundleError, match=r"bom.json: 'file:model.onnx' is missing"):
        verify(bundle.folder)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("1.6", "1.5", r"specVersion is '1.5'; it is '1.6'"),
        ('"version": 1', '"serialNumber": "urn:uuid:0", "version": 1', "there is a field 'serialNumber' in it"),
        ("marketfit", "not a name", "a normal name with a version"),
        (WEIGHTS, "0f" * 32, "card or lineage say another"),
        (TEST, "0f" * 32, "the model card says another"),
    ],
)
def test_what_is_said_wrong_is_named(
    bundle: Sealed, forge: Callable[[Path], None], old: str, new: str, says: str
) -> None:
    text = (bundle.folder / BOM).read_text("utf-8")
    assert old in text
    (bundle.folder / BOM).write_text(text.replace(old, new), "utf-8")
    forge(bundle.folder)
    with pytest.raises(BundleError, match=says):
        verify(bundle.folder)


def run_by_openvino(unsealed: Path) -> None:
    write_spec(unsealed, replace(read_spec(unsealed), session=SessionSettings(engine="openvino")))


@pytest.mark.skipif(not is_installed("openvino"), reason="OpenVINO is not installed")
def test_the_engine_that_runs_a_bundle_is_named_with_its_version(
    unsealed: Path, full: ModelCard, tmp_path: Path, forge: Callable[[Path], None]
) -> None:
    run_by_openvino(unsealed)
    made = seal(unsealed, contract=NOTHING, card=full, into=tmp_path / "fast")
    verify(made.folder)
    (engine,) = (item for item in of_type(made, "library") if item["name"] == "openvino")
    assert engine["version"] == version("openvino")
    assert engine["purl"] == f"pkg:pypi/openvino@{version('openvino')}"
    card = (made.folder / "card.md").read_text("utf-8")
    assert "measured with openvino; where that does not work onnxruntime runs it" in card
    tree = json.loads((made.folder / BOM).read_bytes())
    tree["components"].remove(engine)
    tree["dependencies"][0]["dependsOn"].remove(engine["bom-ref"])
    (made.folder / BOM).write_bytes(encode(tree))
    forge(made.folder)
    with pytest.raises(BundleError, match="the package 'openvino' is missing"):
        verify(made.folder)


def test_an_engine_that_does_not_run_the_bundle_is_not_named(
    unsealed: Path, full: ModelCard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    more = {**installed_packages("onnxruntime"), "openvino": "2026.4.0"}
    monkeypatch.setattr(sys.modules[seal.__module__], "installed_packages", lambda _engine: more)
    with pytest.raises(BundleError, match="the package 'openvino' is listed"):
        seal(unsealed, contract=NOTHING, card=full, into=tmp_path / "other")


def test_a_package_for_gpus_stands_for_onnxruntime(
    unsealed: Path, full: ModelCard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where `onnxruntime-gpu` is installed in its place, there is no package of the name `onnxruntime`."""

    def installed(name: str) -> str:
        if name in {"onnxruntime", "openvino"}:
            raise PackageNotFoundError(name)
        return "1.31.1" if name == "onnxruntime-gpu" else version(name)

    monkeypatch.setattr("importlib.metadata.version", installed)
    for engine in ("onnxruntime", "onnxruntime-cuda"):
        packages = installed_packages(engine)  # type: ignore[arg-type]
        assert packages["onnxruntime-gpu"] == "1.31.1"
        assert "onnxruntime" not in packages
    write_spec(unsealed, replace(read_spec(unsealed), session=SessionSettings(engine="onnxruntime-cuda")))
    made = seal(unsealed, contract=NOTHING, card=full, into=tmp_path / "on-a-gpu")
    verify(made.folder)
    assert "measured with onnxruntime-cuda" in (made.folder / "card.md").read_text("utf-8")


def test_a_bundle_is_not_sealed_without_its_engine(
    unsealed: Path, full: ModelCard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_by_openvino(unsealed)
    monkeypatch.setattr(bom, "package_of", lambda _engine: None)
    with pytest.raises(InputError, match=r"pip install 'marketfit\[openvino\]'"):
        seal(unsealed, contract=NOTHING, card=full, into=tmp_path / "fast")
