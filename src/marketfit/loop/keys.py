"""The two keys of a run: the one that signs what it seals, and the one that is trusted where bundles are served."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from marketfit.bundle import public_key_of, read_public_key
from marketfit.errors import InputError, Problem


@dataclass(frozen=True)
class Keys:
    """Files of keys: `sign` is a private key that signs what is sealed, `trusted` the public key it must belong to."""

    sign: Path | None = None
    trusted: Path | None = None

    def check(self) -> None:
        """Read both, before hours of work end in a bundle that nobody may serve.

        Raises:
            InputError: a file holds no such key, or what is sealed would not be signed with the trusted key.
            MissingExtraError: `cryptography` is not installed.
        """
        ours = public_key_of(self.sign) if self.sign is not None else None
        if self.trusted is None:
            return
        wanted = read_public_key(self.trusted)
        if ours != wanted:
            found = f"what is sealed would be signed by {ours[:16]}…" if ours else "what is sealed would not be signed"
            where, do = str(self.sign or "command line"), "name the private key of the trusted one with --sign"
            raise InputError([Problem(where, found, f"trusted: {wanted[:16]}…", do)])


NO_KEYS = Keys()
