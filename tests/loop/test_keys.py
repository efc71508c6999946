"""Signed bundles at the command line: made by `run --sign`, and refused with status 2 where another key is trusted."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from marketfit.bundle import new_keys

Call = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("keys")
    for name in ("ours", "theirs"):
        new_keys(made / name)
    return made


def test_new_keys(call: Call, tmp_path: Path) -> None:
    said = call("keys", "new", tmp_path / "pair", "--json")
    assert said.returncode == 0
    assert Path(json.loads(said.stdout)["private"]) == tmp_path / "pair" / "private.pem"
    assert call("keys", "new", tmp_path / "pair").returncode == 2


def test_a_run_signs_what_it_seals_and_a_foreign_key_is_refused_everywhere(
    product: Path, call: Call, folder: Path
) -> None:
    ours, theirs = folder / "ours", folder / "theirs"
    bundle = Path(json.loads(call("run", product, "--json", "--quiet").stdout)["bundle"])

    unsigned = call("promote", product, bundle, "--reason", "by hand", "--key", ours / "public.pem")
    assert unsigned.returncode == 2
    assert "the signature is missing" in unsigned.stderr

    before = (bundle / "manifest.json").read_bytes()
    assert call("run", product, "--sign", ours / "private.pem", "--key", ours / "public.pem").returncode == 0
    assert (bundle / "signature.json").is_file()
    assert (bundle / "manifest.json").read_bytes() == before

    good = call("verify", bundle, "--key", ours / "public.pem", "--json", "--quiet")
    assert good.returncode in (0, 1), good.stderr  # 1: a busy machine may miss the latency
    assert json.loads(good.stdout)["signature"].startswith("of the trusted key")
    for command in (
        ("verify", bundle),
        ("promote", product, bundle, "--reason", "by hand"),
        ("serve", bundle, "--port", 0),
        ("predict", bundle, product.parent / "messages.csv"),
    ):
        bad = call(*command, "--key", theirs / "public.pem")
        assert bad.returncode == 2, command
        assert "a foreign signature" in bad.stderr


def test_a_run_that_would_seal_what_nobody_trusts_does_not_begin(
    make_quick: Callable[..., Path], call: Call, folder: Path, tmp_path: Path
) -> None:
    brief = make_quick(tmp_path / "product")
    for options, says in (
        (("--key", folder / "ours" / "public.pem"), "would not be signed"),
        (("--key", folder / "ours" / "public.pem", "--sign", folder / "theirs" / "private.pem"), "would be signed by"),
        (("--sign", folder / "ours" / "public.pem"), "no key to sign with"),
    ):
        said = call("run", brief, *options)
        assert said.returncode == 2
        assert says in said.stderr
    assert not (brief.parent / "marketfit-workspace").exists()
