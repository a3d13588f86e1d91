"""Programs that we start end with us, whatever ends us."""

import ctypes
import signal
import sys


def die_with_parent() -> None:
    """Runs in the child (preexec_fn): end with who started it, even when that is killed. On Linux alone."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
