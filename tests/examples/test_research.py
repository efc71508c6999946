"""The benchmark of market research times fairly, watches all memory, and judges what it may."""

from __future__ import annotations

import doctest
import importlib
import os
import subprocess
import sys
from functools import partial
from pathlib import Path
from types import ModuleType
from unittest.mock import Mock

import numpy as np
import pyarrow.parquet as pq
import pytest


@pytest.fixture
def research() -> ModuleType:
    return importlib.import_module("research")


def part(name: str) -> ModuleType:
    return importlib.import_module(f"research_parts.{name}")


@pytest.mark.parametrize("name", ["race", "row", "settings"])
def test_examples_of_docstrings_are_true(name: str) -> None:
    result = doctest.testmod(part(name))
    assert result.attempted > 0
    assert result.failed == 0


def test_contenders_take_turns() -> None:
    order: list[str] = []

    def contender(name: str) -> float:
        order.append(name)
        return -1.0

    names = ("quick", "slow")
    times = part("race").race({name: partial(contender, name) for name in names}, {"quick": 3, "slow": 2})
    assert order == ["quick", "slow", "quick", "slow", "quick", "slow", "quick"]  # the first two count for nothing
    assert {name: len(taken.seconds) for name, taken in times.items()} == {"quick": 3, "slow": 2}


@pytest.mark.parametrize(
    ("theirs", "faster", "decision"),
    [
        ((2.0, 2.0), True, "met"),
        ((1.0, 1.0), True, "MISSED"),
        ((1.0, 1.0), False, "met"),
        ((0.9, 0.8), False, "MISSED"),
    ],
)
def test_a_race_is_judged_by_the_ratio_of_its_turns(theirs: tuple[float, ...], faster: bool, decision: str) -> None:
    race = part("race")
    ours, peer = race.Times((1.0, 1.0, 9.0), -5.0), race.Times(theirs, -5.0)  # the third turn has no counterpart
    row = race.rival(("mnl", "w", "n"), ours, ("xlogit", peer), race.Bar("b", faster), part("settings").Settings())
    assert row.verdict.decision == decision
    assert row.ratio.startswith(f"{np.median(theirs):.2f} (")


def test_another_maximum_is_a_miss_and_another_setting_is_not_judged() -> None:
    race, settings = part("race"), part("settings").Settings
    ours, peer = race.Times((1.0,), -5.0), ("xlogit", race.Times((9.0,), -5.02))
    bar = race.Bar("no slower", faster=False, needs=("draws",))
    missed = race.rival(("mixed", "w", "n"), ours, peer, bar, settings()).verdict
    assert missed.decision == "MISSED"
    assert "-5.000, xlogit's -5.020" in missed.why
    other = race.rival(("mixed", "w", "n"), ours, peer, bar, settings(draws=50)).verdict
    assert other == ("not judged", "draws is 50, the bar is for 600")


@pytest.mark.parametrize(
    ("kept", "cores", "decision"),
    [(True, 1, "met"), (True, 2, "met"), (True, 4, "not judged"),
     (False, 1, "not judged"), (False, 2, "MISSED"), (False, 4, "MISSED")],
)  # fmt: skip
def test_more_cores_prove_no_time_and_fewer_disprove_none(kept: bool, cores: int, decision: str) -> None:
    row = part("row")
    assert row.on_two_cores(row.judged(kept), cores).decision == decision


@pytest.mark.parametrize(("kept", "status"), [(True, 0), (False, 1)])
def test_a_missed_bar_ends_in_status_1(
    research: ModuleType, kept: bool, status: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    row = part("row")
    found = row.Found((row.Row("hb", "what", "n", "ours", verdict=row.judged(kept, why="so it is")),), "behind it")
    wanted, unwanted = Mock(return_value=found), Mock()
    monkeypatch.setattr(research, "PARTS", {"hb": wanted, "mnl": unwanted})
    monkeypatch.setattr(sys, "argv", ["research.py", "--parts", "hb"])
    assert research.main() == status
    wanted.assert_called_once_with(part("settings").Settings())
    unwanted.assert_not_called()
    shown = capsys.readouterr().out
    decision = "met" if kept else "MISSED"
    assert f"| hb | what | n | ours | – | – | – | {decision} |" in shown
    assert f"- hb, what: {decision}: so it is" in shown
    assert "### hb\n\nbehind it" in shown
    assert "statsmodels " in shown
    assert shown.endswith(f"\n1 {decision}\n")


@pytest.mark.parametrize("words", [["--repeats", "0"], ["--parts", "mnk"]])
def test_what_cannot_be_run_is_refused(
    research: ModuleType, words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["research.py", *words])
    with pytest.raises(SystemExit, match="2"):
        research.main()
    assert words[1] in capsys.readouterr().err


def test_without_data_each_part_is_skipped_and_says_which(research: ModuleType, tmp_path: Path) -> None:
    settings = part("settings").Settings(data=tmp_path)
    for name in set(research.PARTS) - {"simulator"}:
        rows = research.PARTS[name](settings).rows
        assert rows, name
        for row in rows:
            assert row.verdict.decision == "skipped"
            assert f"{tmp_path}/choice_" in row.verdict.why


def test_a_peer_that_is_not_installed_is_named_with_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    mnl, settings = part("mnl"), part("settings").Settings(data=tmp_path, rounds=1, repeats=1)
    file = part("settings").Settings().data / "choice_yogurt.parquet"
    if not file.is_file():
        pytest.skip(f"the data set is not in {file.parent}")
    # statsmodels takes seconds for a fit to all 2,412 purchases.
    pq.write_table(pq.read_table(file, filters=[("obs_id", "<=", 200)]), tmp_path / file.name)
    monkeypatch.setattr(mnl, "installed", lambda name: name == "statsmodels")
    first, second, alone = mnl.measure(settings).rows
    assert first.verdict == ("skipped", "not installed: python -m pip install xlogit")
    assert second.verdict.decision in {"met", "MISSED"}
    assert "differ" not in second.verdict.why
    assert second.peer.startswith("statsmodels ")
    assert alone.verdict.decision == "no bar"


@pytest.mark.skipif(sys.platform != "linux", reason="peaks of other processes are read from /proc")
def test_a_watched_process_is_fresh_and_its_children_count() -> None:
    ballast = np.ones(40_000_000)  # 320 MB here are not there
    take = "import sys, time; kept = b'1' * int(sys.argv[1]); time.sleep(0.2)"
    seen = [
        part("processes").watched(partial(subprocess.run, [sys.executable, "-c", take, size], check=True))
        for size in ("1", "100_000_000")
    ]
    assert ballast[-1] == 1
    assert all(0 < one.own < 320 for one in seen)
    assert seen[1].children - seen[0].children == pytest.approx(100, abs=5)
    assert seen[0].answer.returncode == 0


@pytest.mark.skipif(sys.platform != "linux", reason="peaks of other processes are read from /proc")
def test_a_process_without_an_answer_is_an_error() -> None:
    with pytest.raises(RuntimeError, match="without an answer"):
        part("processes").watched(partial(os._exit, 3))


def test_a_large_table_is_read_and_fitted(tmp_path: Path) -> None:
    memory, path = part("memory"), tmp_path / "large.parquet"
    memory.write_large(path, 8000)
    assert pq.read_metadata(path).num_rows == 8000
    told = memory.fit_large(path)
    assert "the table alone" in told
    assert "x0 -0.5" in told or "x0 -0.4" in told


def test_prediction_is_judged_by_the_mean_of_the_tuned_splits() -> None:
    prediction = part("prediction")

    def scored(loss: float, hits: float) -> object:
        told = [importlib.import_module("marketfit.demand").HeldOutMeasure(v, v - 0.1, v + 0.1, 0.95, 8, 4)
                for v in (loss, hits)]  # fmt: skip
        return prediction.Scored(*told)

    keys = [*"01234", "last two"]
    logit = dict.fromkeys(keys, prediction.Foretold(scored(1.2, 0.4), 1.0, scored(1.2, 0.4)))
    figures = zip((0.7, 0.7, 0.75, 0.8, 0.8, 9.0), (0.6, 0.6, 0.65, 0.7, 0.7, 0.9), strict=True)
    seen = {
        key: prediction.Foretold(scored(9, 0), 0.9, scored(*figure)) for key, figure in zip(keys, figures, strict=True)
    }
    loss, hits, *last = prediction.rows_of("HB", seen, logit, "")
    assert (loss.ours, loss.peer) == ("0.750 (0.650 to 0.850)", "MNL 1.200 (1.100 to 1.300)")
    assert (loss.verdict.decision, hits.verdict.decision) == ("met", "MISSED")
    assert loss.n == "5 × 8 choices of 4 people"
    assert [row.ours for row in last] == ["9.000 (8.900 to 9.100)", "0.900 (0.800 to 1.000)"]
    unjudged = [*last, *prediction.rows_of("HB, signs", seen, logit, "")]
    assert {row.verdict.decision for row in unjudged} == {"no bar"}
