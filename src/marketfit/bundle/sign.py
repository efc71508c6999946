"""Ed25519 signatures of sealed bundles (RFC 8032, Josefsson and Liusvaara 2017), in a file of their own.

What is signed are the exact bytes of `manifest.json`, which names the SHA-256 of every other file. The signature is no
part of the manifest, so that a signed bundle and an unsigned one have the same digest. A signature says who sealed a
bundle only to somebody who knows the key already: the key that lies beside it is a name, never a proof.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from marketfit.bundle.layout import (
    MANIFEST,
    MAX_SIGNATURE_BYTES,
    SIGNATURE,
    encode,
    read_bytes,
    read_record,
    write_file,
)
from marketfit.errors import BundleError, InputError, MissingExtraError, Problem
from marketfit.records.plain import Matching, Sha256

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

PRIVATE_KEY = "private.pem"
PUBLIC_KEY = "public.pem"

_MAX_KEY_BYTES = 10_000


@dataclass(frozen=True)
class Signature:
    """`signature.json`: the signature of the bytes of `manifest.json`, and the public key that it is said to be of."""

    public_key: Sha256
    signature: Annotated[str, Matching(r"[0-9a-f]{128}")]
    format: Literal[1] = 1
    algorithm: Literal["Ed25519"] = "Ed25519"


@dataclass(frozen=True)
class KeyFiles:
    """Where a new pair of keys was written. `public_key` is the public one, 32 bytes in hexadecimal."""

    private: Path
    public: Path
    public_key: str


def new_keys(folder: Path) -> KeyFiles:
    """Write a new pair of Ed25519 keys: `private.pem` (PKCS #8, for its owner only) and `public.pem`.

    Raises:
        InputError: there is a key already, or the folder can't be written; no key is ever replaced.
        MissingExtraError: `cryptography` is not installed.
    """
    with _needs_cryptography():
        from cryptography.hazmat.primitives import serialization as form
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption())
    public = key.public_key().public_bytes(form.Encoding.PEM, form.PublicFormat.SubjectPublicKeyInfo)
    made = KeyFiles(folder / PRIVATE_KEY, folder / PUBLIC_KEY, _raw(key.public_key()))
    there = [path for path in (made.private, made.public) if path.exists() or path.is_symlink()]
    if there:
        raise InputError(
            [
                Problem(str(path), "a key is here already", "keys are never replaced", "name another folder")
                for path in there
            ]
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _write_new(made.private, private, mode=0o600)
        _write_new(made.public, public, mode=0o644)
    except OSError as error:
        problem = Problem(str(folder), f"cannot be written ({error.strerror})", "", "name another folder")
        raise InputError([problem]) from error
    return made


def public_key_of(private: Path) -> str:
    """The public half of a private key's file, in hexadecimal; the way to check the file before hours of work.

    Raises:
        InputError: the file holds no private Ed25519 key.
        MissingExtraError: `cryptography` is not installed.
    """
    return _raw(_read_private(private).public_key())


def read_public_key(public: Path) -> str:
    """The key in a public key's file, in hexadecimal.

    Raises:
        InputError: the file holds no public Ed25519 key.
        MissingExtraError: `cryptography` is not installed.
    """
    return _raw(_read_public(public))


def write_signature(folder: Path, private: Path) -> None:
    """Sign the manifest of a folder and put the signature beside it, atomically. Equal manifests give equal bytes.

    Raises:
        InputError: the file holds no private Ed25519 key.
        MissingExtraError: `cryptography` is not installed.
    """
    key = _read_private(private)
    content = read_bytes(folder / MANIFEST)
    signed = Signature(public_key=_raw(key.public_key()), signature=key.sign(content).hex())
    temporary = folder.parent / f".{folder.name}.{SIGNATURE}.{os.getpid()}"
    try:
        write_file(temporary, encode(signed))
        temporary.replace(folder / SIGNATURE)
    finally:
        temporary.unlink(missing_ok=True)


def read_signature(folder: Path) -> Signature | None:
    """The signature that lies in a bundle, whoever made it; None if there is none.

    Raises:
        BundleError: it is not in the form that marketfit writes.
    """
    path = folder / SIGNATURE
    if not (path.exists() or path.is_symlink()):
        return None
    signature = read_record(path, Signature, limit=MAX_SIGNATURE_BYTES)
    if encode(signature) != read_bytes(path, limit=MAX_SIGNATURE_BYTES):
        problem = Problem(str(path), "not in the form that marketfit writes", "", "have the bundle signed again")
        raise BundleError([problem])
    return signature


def signature_problems(folder: Path, trusted: Path) -> tuple[Problem, ...]:
    """Why a bundle is not one that the owner of a trusted public key has signed; empty when it is.

    Raises:
        InputError: the file `trusted` holds no public Ed25519 key.
        MissingExtraError: `cryptography` is not installed: what can't be checked is not trusted.
    """
    key = _read_public(trusted)
    where, do = str(folder / SIGNATURE), "have it signed with the trusted key, or don't use it"
    wanted = f"trusted: {_raw(key)[:16]}…"
    try:
        found = read_signature(folder)
        content = read_bytes(folder / MANIFEST)
    except BundleError as error:
        return error.problems
    if found is None:
        return (Problem(where, "the signature is missing", wanted, do),)
    if found.public_key != _raw(key):
        return (Problem(where, f"a foreign signature, of the key {found.public_key[:16]}…", wanted, do),)
    from cryptography.exceptions import InvalidSignature

    try:
        key.verify(bytes.fromhex(found.signature), content)
    except InvalidSignature:
        return (Problem(where, "a wrong signature: the trusted key has not signed this manifest", wanted, do),)
    return ()


def _read_private(path: Path) -> Ed25519PrivateKey:
    with _needs_cryptography():
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from cryptography.hazmat.primitives.serialization import load_pem_private_key
    content = _read_key(path)
    try:
        key = load_pem_private_key(content, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):  # TypeError: it is behind a password
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        allowed = "a private Ed25519 key, PEM, without a password"
        raise InputError([Problem(str(path), "this is no key to sign with", allowed, "marketfit keys new FOLDER")])
    return key


def _read_public(path: Path) -> Ed25519PublicKey:
    with _needs_cryptography():
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
        from cryptography.hazmat.primitives.serialization import load_pem_public_key
    content = _read_key(path)
    try:
        key = load_pem_public_key(content)
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PublicKey):
        found = "this is a private key" if b"PRIVATE KEY" in content else "this is no key to verify with"
        raise InputError([Problem(str(path), found, "a public Ed25519 key, PEM", f"name the file {PUBLIC_KEY}")])
    return key


def _read_key(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_MAX_KEY_BYTES)
    except OSError as error:
        raise InputError(
            [Problem(str(path), f"cannot be read ({error.strerror})", "", "name the file of a key")]
        ) from error


def _raw(key: Ed25519PublicKey) -> str:
    return key.public_bytes_raw().hex()


def _write_new(path: Path, content: bytes, *, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with open(descriptor, "wb") as file:  # noqa: PTH123 - only open() takes a descriptor, and that sets the mode first
        file.write(content)
        file.flush()
        os.fsync(descriptor)


@contextmanager
def _needs_cryptography() -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as missing:
        raise MissingExtraError("sign", "cryptography") from missing
