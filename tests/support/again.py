"""The second half of `make test`, after a run that failed: what failed runs once more, alone, and says so.

Most tests start real processes and wait for them, six at a time on two cores; when something else takes the machine,
a deadline of ours may pass. As CPython's own test run does, the few that failed are run again one after another: each
that passes now is named, and the run is green. More than MOST, or one that fails again, is a fault of ours.
"""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MOST = 8


def main(code: int) -> int:
    """code: the first run's exit code; 1 says that tests failed (and not that it was interrupted, or never began)."""
    noted = ROOT / ".pytest_cache" / "v" / "cache" / "lastfailed"
    failed = sorted(json.loads(noted.read_text())) if noted.exists() else []
    if code != 1 or not 0 < len(failed) <= MOST:
        return code
    print(f"\n{len(failed)} failed. Once more, alone and one after another:", *failed, sep="\n  ", flush=True)
    return subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "no:xdist", *failed], cwd=ROOT).returncode


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
