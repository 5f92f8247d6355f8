"""The command line: ``chainrule train``, ``predict``, ``evaluate``, ``check``, ``explain``, ...

Results go to standard output, everything else to standard error. Exit codes: 0 done, 1 a check
failed, 2 usage, data or model file at fault, 3 fault while running, 4 a check could not decide,
130 Ctrl-C, 141 the reader of the results has gone, 143 SIGTERM or SIGHUP.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec

from .. import signals

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
    try:
        signals.begun()
        from .app import app

        app.main(prog_name="chainrule")
    except KeyboardInterrupt:
        signals.heard()
        print("interrupted: nothing was written", file=sys.stderr)
        return signals.INTERRUPTED
    finally:
        signals.end()
    return 0
