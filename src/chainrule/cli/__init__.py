"""The command line: ``chainrule train``, ``predict``, ``evaluate``, ``check``, ``export``.

Results go to standard output, everything else to standard error. Exit codes: 0 done, 2 usage, data
or model file at fault, 3 fault while running, 130 Ctrl-C, 143 SIGTERM.
"""

from __future__ import annotations

import signal
import sys
from importlib.util import find_spec
from types import FrameType

NEEDS = ("click", "rich", "pyarrow")


def main() -> int:
    """Run the command line of this process; return its exit code."""
    missing = [name for name in NEEDS if find_spec(name) is None]
    if missing:
        listed = " and ".join(missing)
        print(
            f"error: the command line needs {listed}: pip install 'chainrule[cli]'", file=sys.stderr
        )
        return 2
    signal.signal(signal.SIGTERM, _terminate)
    from .app import app

    app.main(prog_name="chainrule")
    return 0


def _terminate(number: int, frame: FrameType | None) -> None:
    # As an exception, so that temporary files are removed and the terminal is left in order.
    raise SystemExit(128 + number)
