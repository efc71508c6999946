"""How a variant's runtime is started: every sensible setting timed briefly on this machine, the fastest taken.

What decides is the time of single requests in fresh processes that take turns. The engine that the variant was scored
with, in its default settings, is left only for what was faster in every round, so that chance alone does not move it,
and gives the same answers.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path

import numpy as np

from marketfit.brief import Brief
from marketfit.bundle import load_unsealed, read_spec
from marketfit.compress.engines import engines_for, further_engines, started_with
from marketfit.compress.material import Material
from marketfit.compress.timing import sampled_inputs
from marketfit.engine import Run
from marketfit.measure.probe import Probed, probe
from marketfit.measure.process_metrics import Plan, process_figures
from marketfit.records.base import Record, digest_of
from marketfit.records.bundle import Device, SessionSettings
from marketfit.records.variants import Variant
from marketfit.task import Example, Progress

VERSION = 2
"""Raise it when another setting could be chosen for the same bundle on the same machine."""

PROCESSES, REQUESTS = 3, 100
_SAMPLE = 64  # inputs on which answers are compared
_SAME = 1e-3  # of a probability: rounding in another order


class ChosenSettings(Record):
    """The settings to start a bundle with, and one line on each that was tried: what was measured, or why not."""

    settings: SessionSettings
    found: tuple[str, ...]


def started_best(brief: Brief, variant: Variant, material: Material, *, run: Run) -> tuple[Variant, tuple[str, ...]]:
    """The variant, started as is fastest for it here, and what was measured where that is not onnxruntime's default.

    What was found is a fact of the ledger: a resumed run does not measure, nor choose, again.
    """
    threads, device = brief.target.threads, brief.target.device
    key = f"settings/{digest_of([VERSION, variant.bundle.digest(), threads, [*further_engines(device)]])}"
    known = run.ledger.fact(key)
    with run.workspace.scratch() as scratch:
        run.workspace.copy_folder(variant.bundle, scratch / "bundle", link=True)
        if known is None:
            inputs = sampled_inputs(material.valid.inputs, PROCESSES * REQUESTS, run=run)
            with run.reporter.task(f"settings of {variant.name}") as progress:
                candidates = candidate_settings(scratch / "bundle", threads=threads, device=device)
                found = fastest_settings(scratch / "bundle", inputs, candidates, progress=progress)
            known = run.ledger.decide_once(key, found.model_dump(mode="json"))
        chosen = ChosenSettings.model_validate(known)
        if chosen.settings == SessionSettings(threads=threads):
            return variant, ()
        bundle = run.workspace.put_folder(started_with(scratch / "bundle", chosen.settings, scratch / "started"))
    told = tuple(f"{variant.name}, started with {words(chosen.settings)}: {line}" for line in chosen.found)
    return variant.model_copy(update={"bundle": bundle}), told


def candidate_settings(bundle: Path, *, threads: int, device: Device = "cpu") -> tuple[SessionSettings, ...]:
    """All settings that could matter to an unsealed bundle; those of its own engine first, each engine's default first.

    One thread has nobody to wait for, so spinning is tried with more only, and with onnxruntime.
    """
    spins = (False, True) if threads > 1 else (False,)
    own, found = read_spec(bundle).session.engine, list[SessionSettings]()
    for engine in engines_for(bundle, device):
        if engine == "onnxruntime":
            found += [
                SessionSettings(threads=threads, spinning=spinning, arena=arena)
                for spinning, arena in product(spins, (True, False))
            ]
        else:
            found.append(SessionSettings(engine=engine, threads=threads))
    return tuple(sorted(found, key=lambda settings: settings.engine != own))


def fastest_settings(
    bundle: Path, inputs: Sequence[Example], candidates: Sequence[SessionSettings], *, progress: Progress,
    processes: int = PROCESSES, requests: int = REQUESTS,
) -> ChosenSettings:  # fmt: skip
    """Time the candidates of an unsealed bundle, which is left as it is, and take the fastest.

    `inputs` are raw ones, at least one. The first candidate is the default. About a second for each and process.

    Raises:
        ValueError: no inputs, no threads, no processes or no requests.
    """
    threads = candidates[0].threads
    with tempfile.TemporaryDirectory(dir=bundle.parent) as scratch:
        folders = {
            setting: started_with(bundle, setting, Path(scratch) / f"{number}")
            for number, setting in enumerate(candidates)
        }
        reasons = _changed_answers(folders, inputs[:_SAMPLE])
        named = {words(setting): folder for setting, folder in folders.items() if setting not in reasons}
        probed = probe(named, inputs, plan=Plan(threads, processes, requests), progress=progress)
    lines = [f"{words(setting)}: {reason}" for setting, reason in reasons.items()]
    return _fastest([setting for setting in candidates if setting not in reasons], probed, lines)


def words(settings: SessionSettings) -> str:
    """Settings as they stand in notes.

    >>> words(SessionSettings(threads=2, spinning=True)), words(SessionSettings(engine="openvino"))
    ('onnxruntime, threads 2, spinning, arena', 'openvino, threads 1')
    """
    parts = [settings.engine, f"threads {settings.threads}"]
    if settings.engine == "onnxruntime":
        parts += ["spinning"] * settings.spinning + ["arena" if settings.arena else "no arena"]
    return ", ".join(parts)


def _changed_answers(folders: Mapping[SessionSettings, Path], inputs: Sequence[Example]) -> dict[SessionSettings, str]:
    """Settings that can't be opened or answer otherwise than the first, and why."""
    reasons: dict[SessionSettings, str] = {}
    default = next(iter(folders))
    wanted = load_unsealed(folders[default]).probabilities(inputs)
    for settings, folder in folders.items():
        if settings.engine == default.engine:
            continue  # spinning and arena change no arithmetic
        try:
            gap = float(np.abs(load_unsealed(folder).probabilities(inputs) - wanted).max(initial=0.0))
        except Exception as error:  # an engine fails in its own ways; it is a candidate less, with its reason
            reasons[settings] = f"it does not run: {' '.join(str(error).split())[:200]}"
            continue
        if not gap <= _SAME:
            reasons[settings] = f"it moves a probability by {gap:.2g}"
    return reasons


def _fastest(
    candidates: Sequence[SessionSettings], probed: Mapping[str, Probed], lines: Sequence[str]
) -> ChosenSettings:
    default = candidates[0]
    rounds = {
        settings: [float(np.median(seen.latencies_ns)) / 1e6 for seen in probed[words(settings)].processes]
        for settings in candidates
        if not probed[words(settings)].failure
    }
    found = [_line(settings, rounds, probed) for settings in candidates]
    first = rounds.get(default, [])
    better = [
        settings
        for settings, times in rounds.items()
        if not first or all(time < own for time, own in zip(times, first, strict=True))
    ]
    chosen = min(better, key=lambda settings: float(np.median(rounds[settings])), default=default)
    return ChosenSettings(settings=chosen, found=(*found, *lines))


def _line(
    settings: SessionSettings, rounds: Mapping[SessionSettings, Sequence[float]], probed: Mapping[str, Probed]
) -> str:
    if settings not in rounds:
        return f"{words(settings)}: {probed[words(settings)].failure}"
    times, seen = rounds[settings], probed[words(settings)].processes
    requests = sum(len(one.latencies_ns) for one in seen)
    rows = process_figures(seen, price_per_hour=None)["throughput_per_s"]
    return (
        f"{words(settings)}: {np.median(times):.2f} ms at the median ({min(times):.2f} to {max(times):.2f} in "
        f"{len(times)} processes, n = {requests} requests), {rows:,.0f} rows a second"
    )
