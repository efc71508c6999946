"""Signatures: of the manifest's exact bytes, no part of digests and sizes, refused by name where a key is trusted."""

from __future__ import annotations

import json
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from marketfit.bundle import (
    KeyFiles,
    ModelCard,
    Sealed,
    load,
    new_keys,
    public_key_of,
    read_signature,
    seal,
    size_mb,
    verify,
)
from marketfit.bundle.layout import MANIFEST, SIGNATURE, encode
from marketfit.contract import Contract, Requirement
from marketfit.errors import BundleError, InputError

PROMISE = Contract.of([Requirement.parse("size_mb", "<= 30")], [])


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> KeyFiles:
    return new_keys(tmp_path_factory.mktemp("keys") / "ours")


@pytest.fixture(scope="module")
def others(tmp_path_factory: pytest.TempPathFactory) -> KeyFiles:
    return new_keys(tmp_path_factory.mktemp("keys") / "theirs")


@pytest.fixture
def signed(unsealed: Path, card: ModelCard, keys: KeyFiles, tmp_path: Path) -> Sealed:
    return seal(unsealed, contract=PROMISE, card=card, into=tmp_path / "signed", sign=keys.private)


def refused(folder: Path, key: Path) -> str:
    with pytest.raises(BundleError) as caught:
        verify(folder, key=key)
    with pytest.raises(BundleError):
        load(folder, key=key)
    return str(caught.value)


def test_keys_are_written_once_and_the_private_one_is_its_owners(tmp_path: Path) -> None:
    made = new_keys(tmp_path / "a" / "b")
    assert stat.S_IMODE(made.private.stat().st_mode) == 0o600
    assert made.private.read_text().startswith("-----BEGIN PRIVATE KEY-----")
    assert public_key_of(made.private) == made.public_key
    before = made.private.read_bytes()
    with pytest.raises(InputError, match="a key is here already") as caught:
        new_keys(tmp_path / "a" / "b")
    assert len(caught.value.problems) == 2
    assert made.private.read_bytes() == before


def test_the_signature_is_ed25519_of_the_manifests_bytes(signed: Sealed, keys: KeyFiles) -> None:
    found = read_signature(signed.folder)
    assert found is not None
    public = serialization.load_pem_public_key(keys.public.read_bytes())
    assert isinstance(public, Ed25519PublicKey)
    public.verify(bytes.fromhex(found.signature), (signed.folder / MANIFEST).read_bytes())  # raises if it is wrong
    assert found.public_key == keys.public_key


def test_a_signed_bundle_is_the_unsigned_one_with_one_more_file(
    signed: Sealed, unsealed: Path, card: ModelCard, keys: KeyFiles, tmp_path: Path
) -> None:
    plain = seal(unsealed, contract=PROMISE, card=card, into=tmp_path / "plain")
    assert plain.digest == signed.digest
    assert size_mb(plain.folder) == size_mb(signed.folder) == signed.size_mb
    (signed.folder / SIGNATURE).rename(tmp_path / "aside")
    names = sorted(path.name for path in plain.folder.iterdir())
    assert names == sorted(path.name for path in signed.folder.iterdir())
    assert all((plain.folder / name).read_bytes() == (signed.folder / name).read_bytes() for name in names)
    again = seal(unsealed, contract=PROMISE, card=card, into=tmp_path / "plain", sign=keys.private)
    assert (again.folder / SIGNATURE).read_bytes() == (tmp_path / "aside").read_bytes()


def test_the_owner_of_the_trusted_key_is_accepted(signed: Sealed, keys: KeyFiles) -> None:
    assert verify(signed.folder, key=keys.public) == signed.manifest
    assert load(signed.folder, key=keys.public).predict(["hello"])
    assert verify(signed.folder) == signed.manifest  # nobody is trusted: a signature says nothing


def test_a_missing_signature_is_refused(original: Sealed, keys: KeyFiles) -> None:
    assert "signature.json: the signature is missing" in refused(original.folder, keys.public)


def test_a_foreign_signature_is_refused(signed: Sealed, others: KeyFiles) -> None:
    assert "a foreign signature" in refused(signed.folder, others.public)


def test_a_foreign_signature_under_our_name_is_wrong(signed: Sealed, keys: KeyFiles, others: KeyFiles) -> None:
    (signed.folder / SIGNATURE).unlink()
    copy = Path(shutil.copytree(signed.folder, signed.folder.parent / "copy"))
    from marketfit.bundle.sign import write_signature

    write_signature(copy, others.private)
    content = json.loads((copy / SIGNATURE).read_bytes()) | {"public_key": keys.public_key}
    (copy / SIGNATURE).write_bytes(encode(content))
    assert "a wrong signature" in refused(copy, keys.public)


def test_a_forged_manifest_takes_the_signature_away(
    signed: Sealed, keys: KeyFiles, forge: Callable[[Path], None]
) -> None:
    (signed.folder / "card.md").write_text("another card")
    aside = (signed.folder / SIGNATURE).read_bytes()
    (signed.folder / SIGNATURE).unlink()
    forge(signed.folder)
    (signed.folder / SIGNATURE).write_bytes(aside)
    assert "a wrong signature" in refused(signed.folder, keys.public)


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff", b" " * 2000, b"[" * 900])
def test_what_is_no_signature_is_refused_with_a_key_and_without(signed: Sealed, keys: KeyFiles, content: bytes) -> None:
    (signed.folder / SIGNATURE).write_bytes(content)
    assert SIGNATURE in refused(signed.folder, keys.public)
    with pytest.raises(BundleError, match=SIGNATURE):
        verify(signed.folder)


def test_anothers_signature_is_not_replaced(signed: Sealed, unsealed: Path, card: ModelCard, others: KeyFiles) -> None:
    with pytest.raises(BundleError, match="signed with another key already"):
        seal(unsealed, contract=PROMISE, card=card, into=signed.folder, sign=others.private)


def test_a_file_that_holds_no_such_key_is_refused(signed: Sealed, keys: KeyFiles, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="this is a private key"):
        verify(signed.folder, key=keys.private)
    with pytest.raises(InputError, match="cannot be read"):
        verify(signed.folder, key=tmp_path / "nowhere")
    with pytest.raises(InputError, match="no key to sign with"):
        public_key_of(keys.public)
    curve = ec.generate_private_key(ec.SECP256R1())
    (tmp_path / "curve.pem").write_bytes(
        curve.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    with pytest.raises(InputError, match="no key to sign with"):
        public_key_of(tmp_path / "curve.pem")


WITHOUT = """
import sys
sys.modules["cryptography"] = None
from pathlib import Path
from marketfit.bundle import verify
from marketfit.errors import MissingExtraError
folder, key = map(Path, sys.argv[1:])
verify(folder)
try:
    verify(folder, key=key)
except MissingExtraError as error:
    print(error)
"""


def test_without_the_extra_nothing_signed_is_trusted(signed: Sealed, keys: KeyFiles) -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-c", WITHOUT, str(signed.folder), str(keys.public)],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert "pip install 'marketfit[sign]'" in done.stdout
