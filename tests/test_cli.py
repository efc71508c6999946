"""What the command line does before it does anything."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

PROGRAM = """
import os, sys
from marketfit import cli
sys.argv = ["marketfit", "--help"]
try:
    cli.main()
except SystemExit:
    assert "torch" not in sys.modules
    sys.stderr.write(os.environ["OMP_WAIT_POLICY"])
"""


@pytest.mark.parametrize(("own", "found"), [({}, "PASSIVE"), ({"OMP_WAIT_POLICY": "ACTIVE"}, "ACTIVE")])
def test_waiting_threads_leave_the_cores_to_others_unless_the_user_says_otherwise(
    own: dict[str, str], found: str
) -> None:
    """Before torch is loaded: it reads the policy once."""
    given = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=given | own, capture_output=True, text=True, check=True)
    assert done.stderr == found
