"""Energy counters, from a folder that looks like powercap."""

from __future__ import annotations

from pathlib import Path

import pytest

from marketfit.measure.energy import Meter


def meter_of(root: Path) -> Meter:
    meter = Meter.of(root)
    assert meter is not None
    return meter


def test_whole_packages_are_read_and_their_parts_are_not(powercap: Path) -> None:
    assert meter_of(powercap).read() == (900, 100)
    assert meter_of(powercap).ranges == (999, 999)


def test_a_counter_that_passed_its_end_goes_on_from_nought(powercap: Path) -> None:
    meter = meter_of(powercap)
    assert meter.spent((900, 100), (950, 300)) == 250
    assert meter.spent((999, 100), (0, 100)) == 1  # 999 is the largest value, 0 the next
    assert meter.spent((900, 100), (50, 100)) == 150


@pytest.mark.parametrize("missing", ["energy_uj", "max_energy_range_uj"])
def test_one_counter_that_can_not_be_read_makes_the_whole_unknown(powercap: Path, missing: str) -> None:
    (powercap / "intel-rapl:1" / missing).unlink()
    assert Meter.of(powercap) is None


@pytest.mark.parametrize("text", ["", "many", "-"])
def test_what_is_no_number_is_no_energy(powercap: Path, text: str) -> None:
    meter = meter_of(powercap)
    (powercap / "intel-rapl:0" / "energy_uj").write_text(text)
    assert meter.read() is None
    assert Meter.of(powercap) is None


def test_a_machine_without_counters_has_no_meter(tmp_path: Path) -> None:
    assert Meter.of(tmp_path / "nothing") is None
    (tmp_path / "dtpm").mkdir()
    assert Meter.of(tmp_path) is None
