"""Where a brief's workspace and ledger are, and whether its target and its backbones are there to be had."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from marketfit import registry
from marketfit.brief import Brief, MarketBrief, TargetSpec, load_brief, load_market
from marketfit.bundle.engines import ENGINES, available
from marketfit.errors import BriefError, InputError, Problem
from marketfit.ledger import Ledger

WORKSPACE = "marketfit-workspace"
"""Name of the folder beside the brief in which runs live by default."""


def loaded(brief: Brief | Path | str) -> Brief:
    """A brief as it is, or read from its file.

    Raises:
        BriefError: everything that is wrong with the file.
    """
    return brief if isinstance(brief, Brief) else load_brief(Path(brief))


def loaded_market(brief: MarketBrief | Path | str) -> MarketBrief:
    """What market research reads of a brief, as it is, or read from its file.

    Raises:
        BriefError: everything that is wrong with these sections of the file.
    """
    return brief if isinstance(brief, MarketBrief) else load_market(Path(brief))


def workspace_of(brief: MarketBrief, asked: Path | str | None) -> Path:
    """The workspace that was named, or the one beside the brief."""
    return Path(asked) if asked is not None else brief.base / WORKSPACE


def check_target(target: TargetSpec) -> None:
    """Whether this machine can be the target, before hours of work end on another device.

    Raises:
        InputError: no engine works on the device that was asked for.
    """
    engines = [engine for engine, facts in ENGINES.items() if facts.device == target.device]
    if not any(available(engine) for engine in engines):
        found = f"no engine works on a {target.device} here ({', '.join(engines)})"
        do = "; ".join(ENGINES[engine].get for engine in engines)
        raise InputError([Problem("target.device", found, "cpu", f"write 'device: cpu', or {do}")])


def check_backbones(brief: Brief) -> None:
    """Whether there is a model behind every name of `backbones`, before data are read and rows embedded.

    A hub id is downloaded here.

    Raises:
        BriefError: every name that no model stands behind.
        MissingExtraError: the task's packages are not installed.
    """
    trainer = registry.trainer(brief.task)
    problems: list[Problem] = []
    for name in dict.fromkeys(brief.backbones):
        try:
            trainer.backbones(name, base=brief.base)
        except BriefError as error:
            problems += error.problems
    if problems:
        raise BriefError(problems)


def beside_bundle(folder: Path) -> Path:
    """The workspace that a bundle was sealed in; a new one beside the bundle where it was moved elsewhere."""
    root = folder.resolve().parent.parent
    return root if (root / "runs").is_dir() else folder.resolve().parent / WORKSPACE


@contextlib.contextmanager
def existing(root: Path, *, ledger: str | None) -> Iterator[Ledger]:
    """The ledger of a workspace that a run made, to write to; no folder is created.

    Raises:
        InputError: nothing has run there yet, or the database can't be opened or may only be read.
    """
    if not (root / "runs").is_dir():
        problem = Problem(str(root), "there is no workspace", "", "run the brief first, or name it with --workspace")
        raise InputError([problem])
    opened = Ledger.beside(root, url=ledger)
    try:
        opened.check_writable()
        yield opened
    finally:
        opened.close()
