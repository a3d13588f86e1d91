"""runs.json and stories/ are what their generators make: whoever
changes what goes over the wire sees it here, and writes the files anew.
"""

import subprocess
import sys
from pathlib import Path

import pytest

VECTORS = Path(__file__).resolve().parents[2] / "vectors"


@pytest.mark.parametrize("generator", ["make_runs.py", "make_stories.py"])
def test_the_recorded_runs_are_made_by_their_generator(generator):
    command = [sys.executable, VECTORS / generator, "--check"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
