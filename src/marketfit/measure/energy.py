"""Energy of the processor packages, from the counters that Linux shows under powercap (Intel and AMD: RAPL).

The kernel's documentation (`Documentation/power/powercap`) says what they hold: `energy_uj` counts microjoules up to
`max_energy_range_uj` and starts again from 0. A counter is of a whole package, idling and
whatever else runs included.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

POWERCAP = Path("/sys/class/powercap")

_PACKAGE = re.compile(r"intel-rapl:\d+")  # `intel-rapl:0:1` is a part of package 0 and is counted in it


@dataclass(frozen=True)
class Meter:
    """The counters of all packages: the file of each, and the largest value that it reaches, in µJ."""

    files: tuple[Path, ...]
    ranges: tuple[int, ...]

    @classmethod
    def of(cls, root: Path = POWERCAP) -> Meter | None:
        """The meter of this machine; None where there is none, or one of its counters may not be read."""
        zones = sorted(zone for zone in root.glob("intel-rapl:*") if _PACKAGE.fullmatch(zone.name))
        ranges = [_number(zone / "max_energy_range_uj") for zone in zones]
        known = [size for size in ranges if size]
        meter = cls(tuple(zone / "energy_uj" for zone in zones), tuple(known))
        return meter if zones and len(known) == len(zones) and meter.read() else None

    def read(self) -> tuple[int, ...] | None:
        """The counters in µJ; None where one can't be read."""
        found = [_number(file) for file in self.files]
        known = tuple(value for value in found if value is not None)
        return known if len(known) == len(found) else None

    def spent(self, before: tuple[int, ...], after: tuple[int, ...]) -> int:
        """µJ between two readings, less than one turn of a counter (an hour at 70 W) apart."""
        pairs = zip(before, after, self.ranges, strict=True)
        return sum(late - early + (size + 1 if late < early else 0) for early, late, size in pairs)


def _number(file: Path) -> int | None:
    """The whole number in a file; None where it may not be read (most systems let only root read energy)."""
    try:
        return int(file.read_text("ascii"))
    except (OSError, ValueError):
        return None
