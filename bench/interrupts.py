"""Ctrl-C at random times while ``chainrule train`` starts, reads, trains and writes: always 130.

    python bench/interrupts.py [COUNT [SECONDS]]

Prints how often each exit code came, and every output that holds a traceback. A signal that comes
before Python runs the first line of the package is Python's own, and counted apart.
"""

from __future__ import annotations

import collections
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
DATA = ["train", "data/digits.csv", "-t", "digit"]
NETWORK = [*DATA, "--epochs", "9999999", "--patience", "9999999"]
TRAIN = {"network": NETWORK, "ensemble": DATA}


def unignored() -> None:
    """Undo what a shell does to a program in the background: ignore Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def interrupted(what: str, seconds: float, folder: str) -> tuple[int, str, float]:
    """Return exit code and output of a training interrupted after so many seconds, and how long
    it then took to end."""
    path = os.pathsep.join([str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, "-m", "chainrule", *TRAIN[what], "-o", f"{folder}/model", "--force"]
    process = subprocess.Popen(
        command, cwd=ROOT, env={**os.environ, "PYTHONPATH": path}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        preexec_fn=unignored,
    )  # fmt: skip
    time.sleep(seconds)
    process.send_signal(signal.SIGINT)
    sent = time.monotonic()
    said, _ = process.communicate(timeout=300)
    return process.returncode, said, time.monotonic() - sent


def main() -> int:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    most = float(sys.argv[2]) if len(sys.argv) > 2 else 4.0
    draw = random.Random(0)
    codes: collections.Counter[str] = collections.Counter()
    slowest = (0.0, "")
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(count):
            seconds = draw.uniform(0.0, most)
            what = draw.choice([*TRAIN])
            code, said, took = interrupted(what, seconds, folder)
            slowest = max(slowest, (took, what))
            # Python kills itself by SIGINT where an extension has seen KeyboardInterrupt: a shell
            # says 130 of both.
            if code == -signal.SIGINT and "interrupted:" in said:
                code = 130
            # Python's own start, and the import of the file that takes Ctrl-C.
            early = code == -signal.SIGINT or "import_site" in said or "<frozen" in said
            if code != 130 and early and ("chainrule/" not in said or "import signal\n" in said):
                codes["before the package"] += 1
                continue
            codes[str(code)] += 1
            if code != 130 or "Traceback" in said:
                print(f"{what} after {seconds:.3f} s: {code}\n{said}", flush=True)
    print(dict(codes), f"slowest end {slowest[0]:.2f} s ({slowest[1]})")
    return int(set(codes) - {"130", "before the package"} != set())


if __name__ == "__main__":
    sys.exit(main())
