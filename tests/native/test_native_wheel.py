"""What the built core asks of the system: no more than the oldest Linux that wheels are for."""

from __future__ import annotations

import platform
import re
import shutil
import subprocess
import sys

import pytest

_core = pytest.importorskip("chainrule.engines._core", reason="the core is not built")

pytestmark = pytest.mark.slow

# manylinux_2_17: https://peps.python.org/pep-0599, and what auditwheel holds it to.
HIGHEST = {"GLIBC": (2, 17), "GCC": (4, 8, 0)}
LIBRARIES = r"libc\.so\.6|libm\.so\.6|libpthread\.so\.0|libgcc_s\.so\.1|ld-linux[-\w]*\.so\.[12]"


def readelf(*arguments: str) -> str:
    done = subprocess.run(
        ["readelf", "--wide", *arguments, _core.__file__],
        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


@pytest.mark.skipif(
    not sys.platform.startswith("linux")
    or platform.libc_ver()[0] != "glibc"
    or platform.machine() not in ("x86_64", "aarch64"),
    reason="wheels for glibc are built on x86-64 and AArch64",
)
@pytest.mark.skipif(shutil.which("readelf") is None, reason="not installed: readelf (binutils)")
def test_the_core_runs_with_glibc_2_17() -> None:
    libraries = re.findall(r"\(NEEDED\).*\[(.+)\]", readelf("--dynamic"))
    if any("san.so" in library for library in libraries):
        pytest.skip("built with sanitizers, for this machine alone")
    assert libraries
    assert [library for library in libraries if not re.fullmatch(LIBRARIES, library)] == []
    wanted = re.findall(r"Name: ([A-Z]+)_([\d.]+)\b", readelf("--version-info"))
    assert wanted
    numbers = {(name, tuple(map(int, version.split(".")))) for name, version in wanted}
    assert sorted(one for one in numbers if one[1] > HIGHEST[one[0]]) == []
