"""runs.json is what its generator makes: whoever changes what goes
over the wire sees it here, and writes the file anew.
"""

import subprocess
import sys
from pathlib import Path

GENERATOR = Path(__file__).resolve().parents[2] / "vectors" / "make_runs.py"


def test_the_recorded_runs_are_made_by_the_generator():
    done = subprocess.run([sys.executable, GENERATOR, "--check"], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
