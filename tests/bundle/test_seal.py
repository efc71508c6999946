"""Sealing: the same content gives the same bytes, the stated size is the real one, all or nothing."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketfit.bundle import (
    CardData,
    ModelCard,
    Sealed,
    load,
    read_spec,
    seal,
    sealed_contract,
    size_mb,
    verify,
    write_spec,
)
from marketfit.bundle.layout import CARD, CONTRACT, GRAPH, MANIFEST, SPEC
from marketfit.contract import Contract, Measurement, Requirement, Verdict
from marketfit.errors import BundleError

SIZE = Requirement.parse("size_mb", "<= 30")
ACCURACY = Requirement.parse("accuracy", ">= 0.9")


def content_of(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def accuracy(low: float, value: float) -> Measurement:
    return Measurement(metric="accuracy", value=value, low=low, high=1.0, n=400)


def promise(*requirements: Requirement, measured: Measurement | None = None) -> Contract:
    return Contract.of(requirements, [measured] if measured else [])


def test_sealing_twice_gives_the_same_bytes(unsealed: Path, card: ModelCard, tmp_path: Path) -> None:
    contract = promise(ACCURACY, SIZE, measured=accuracy(0.91, 0.95))
    first = seal(unsealed, contract=contract, card=card, into=tmp_path / "one")
    other = Path(shutil.copytree(unsealed, tmp_path / "copy"))
    second = seal(other, contract=contract, card=card, into=tmp_path / "two")
    assert content_of(first.folder) == content_of(second.folder)
    assert first.digest == second.digest


def test_sealing_again_into_the_same_place_gives_what_is_there(unsealed: Path, card: ModelCard, tmp_path: Path) -> None:
    first = seal(unsealed, contract=promise(SIZE), card=card, into=tmp_path / "one")
    stamps = {path: path.stat().st_mtime_ns for path in first.folder.rglob("*")}
    assert seal(unsealed, contract=promise(SIZE), card=card, into=tmp_path / "one") == first
    assert stamps == {path: path.stat().st_mtime_ns for path in first.folder.rglob("*")}


def test_sealing_leaves_its_source_alone(unsealed: Path, card: ModelCard, tmp_path: Path) -> None:
    before = content_of(unsealed)
    sealed = seal(unsealed, contract=promise(SIZE), card=card, into=tmp_path / "one")
    assert content_of(unsealed) == before
    assert {name: content_of(sealed.folder)[name] for name in before} == before


@settings(max_examples=60, deadline=None)
@given(
    padding=st.integers(0, 30_000),
    limit=st.floats(0.0001, 40),
    use=st.text(max_size=50),
    metrics=st.lists(st.sampled_from(["accuracy", "macro_f1", "latency_p95_ms"]), unique=True, max_size=3),
)
def test_the_size_stated_inside_is_that_of_all_files(
    *,
    tmp_path_factory: pytest.TempPathFactory,
    original: Sealed,
    padding: int,
    limit: float,
    use: str,
    metrics: list[str],
) -> None:
    folder = tmp_path_factory.mktemp("size")
    for name in (SPEC, GRAPH, "tokenizer.json"):
        shutil.copyfile(original.folder / name, folder / name)
    (folder / "words.txt").write_bytes(b"x" * padding)
    needs = [Requirement(metric=name, op=">=", limit=0.5) for name in metrics]
    contract = promise(*needs, Requirement(metric="size_mb", op="<=", limit=limit))
    data = CardData(description="", source_rows=0, splits={}, quarantined=0, test_digest="")
    card = ModelCard(intended_use=use, input_description="", data=data)
    sealed = seal(folder, contract=contract, card=card, into=folder.parent / f"{folder.name}-sealed")
    real = sum(len(content) for content in content_of(sealed.folder).values()) / 1e6
    clause = sealed.contract.clauses[-1]
    assert clause.measurement is not None
    assert clause.measurement.value == clause.measurement.low == clause.measurement.high == real
    assert clause.verdict is (Verdict.MET if real <= limit else Verdict.BROKEN)
    assert sealed.size_mb == size_mb(sealed.folder) == real
    assert load(sealed.folder).contract == sealed.contract
    assert f"Size: {real:.3f} MB" in (sealed.folder / CARD).read_text("utf-8")


def test_the_contract_foretold_is_the_one_that_is_sealed(unsealed: Path, card: ModelCard, tmp_path: Path) -> None:
    contract = promise(ACCURACY, SIZE, measured=accuracy(0.91, 0.95))
    foretold = sealed_contract(unsealed, contract=contract, card=card)
    assert not (tmp_path / "one").exists()
    assert seal(unsealed, contract=contract, card=card, into=tmp_path / "one").contract == foretold
    assert foretold.kept


def test_verdicts_are_judged_anew(unsealed: Path, card: ModelCard, tmp_path: Path) -> None:
    honest = promise(ACCURACY, measured=accuracy(0.85, 0.95))
    flattered = replace(honest.clauses[0], verdict=Verdict.MET)
    sealed = seal(unsealed, contract=Contract(clauses=(flattered,)), card=card, into=tmp_path / "one")
    assert sealed.contract.clauses[0].verdict is Verdict.UNPROVEN


def test_a_number_that_is_not_finite_is_no_measurement(unsealed: Path, card: ModelCard, tmp_path: Path) -> None:
    contract = promise(ACCURACY, measured=accuracy(float("nan"), 0.95))
    clause = seal(unsealed, contract=contract, card=card, into=tmp_path / "one").contract.clauses[0]
    assert clause.measurement is None
    assert clause.verdict is Verdict.UNMEASURED


def test_another_bundle_is_never_replaced(unsealed: Path, card: ModelCard, tmp_path: Path) -> None:
    into = tmp_path / "one"
    seal(unsealed, contract=promise(SIZE), card=card, into=into)
    before = content_of(into)
    with pytest.raises(BundleError, match="another bundle is here already"):
        seal(unsealed, contract=promise(ACCURACY), card=card, into=into)
    assert content_of(into) == before


@pytest.mark.parametrize("kind", ["file", "folder", "link"])
def test_what_is_there_already_is_never_replaced(unsealed: Path, card: ModelCard, tmp_path: Path, kind: str) -> None:
    into = tmp_path / "one"
    if kind == "file":
        into.write_text("precious")
    elif kind == "folder":
        into.mkdir()
    else:
        into.symlink_to(tmp_path / "nowhere")
    with pytest.raises(BundleError, match="another bundle is here already"):
        seal(unsealed, contract=promise(SIZE), card=card, into=into)
    assert into.is_symlink() or into.exists()


def test_a_changed_copy_is_not_taken_for_the_bundle(unsealed: Path, card: ModelCard, tmp_path: Path) -> None:
    into = tmp_path / "one"
    seal(unsealed, contract=promise(SIZE), card=card, into=into)
    (into / "tokenizer.json").write_text("{}")
    with pytest.raises(BundleError, match=r"tokenizer\.json: the file was changed"):
        seal(unsealed, contract=promise(SIZE), card=card, into=into)


@pytest.mark.parametrize("missing", [SPEC, GRAPH])
def test_an_unsound_bundle_is_not_sealed(unsealed: Path, card: ModelCard, tmp_path: Path, missing: str) -> None:
    (unsealed / missing).unlink()
    with pytest.raises(BundleError, match=missing):
        seal(unsealed, contract=promise(SIZE), card=card, into=tmp_path / "one")
    assert not (tmp_path / "one").exists()


def test_a_failure_half_way_leaves_nothing(
    unsealed: Path, card: ModelCard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def out_of_space(_path: Path) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(sys.modules["marketfit.bundle.seal"], "verify", out_of_space)
    with pytest.raises(OSError, match="no space"):
        seal(unsealed, contract=promise(SIZE), card=card, into=tmp_path / "here" / "one")
    assert list((tmp_path / "here").iterdir()) == []


def test_what_a_killed_process_left_behind_is_swept_and_a_living_one_is_left_alone(
    unsealed: Path, card: ModelCard, tmp_path: Path
) -> None:
    done = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    names: Mapping[str, int] = {"dead": int(done.stdout), "living": os.getpid()}
    left = {name: tmp_path / f".one.sealing-{socket.gethostname()}-{pid}-abc" for name, pid in names.items()}
    for folder in left.values():
        folder.mkdir()
    seal(unsealed, contract=promise(SIZE), card=card, into=tmp_path / "one")
    assert not left["dead"].exists()
    assert left["living"].exists()


def test_papers_of_an_earlier_seal_are_not_carried_over(sealed: Path, card: ModelCard, tmp_path: Path) -> None:
    again = seal(sealed, contract=promise(SIZE), card=card, into=tmp_path / "again")
    assert verify(again.folder) == again.manifest
    assert (again.folder / CONTRACT).read_bytes() != (sealed / CONTRACT).read_bytes()
    assert (again.folder / MANIFEST).read_bytes() != (sealed / MANIFEST).read_bytes()


def test_every_change_of_the_content_changes_the_digest(unsealed: Path, card: ModelCard, tmp_path: Path) -> None:
    digests = {seal(unsealed, contract=promise(SIZE), card=card, into=tmp_path / "0").digest}
    write_spec(unsealed, replace(read_spec(unsealed), temperature=1.5))
    digests.add(seal(unsealed, contract=promise(SIZE), card=card, into=tmp_path / "1").digest)
    digests.add(seal(unsealed, contract=promise(ACCURACY), card=card, into=tmp_path / "2").digest)
    other = replace(card, intended_use="something else")
    digests.add(seal(unsealed, contract=promise(ACCURACY), card=other, into=tmp_path / "3").digest)
    assert len(digests) == 4


@pytest.mark.parametrize(
    ("changes", "field"), [({"temperature": -1.0}, "temperature"), ({"labels": ("a", "a")}, "labels")]
)
def test_a_spec_that_no_runtime_could_use_is_not_written(
    unsealed: Path, changes: dict[str, object], field: str
) -> None:
    before = content_of(unsealed)
    with pytest.raises(BundleError, match=field):
        write_spec(unsealed, replace(read_spec(unsealed), **changes))
    assert content_of(unsealed) == before


def test_an_unsealed_bundle_says_so(unsealed: Path, refusal: Callable[[Path], str]) -> None:
    assert "the bundle is not sealed → seal it first" in refusal(unsealed)
