"""What the native engine's tests share: each instruction set of this machine in turn."""

import pytest

try:
    from chainrule.engines import native
except ImportError:  # the core is not built: each file skips itself
    native = None


@pytest.fixture(params=native.available_isas() if native else [])
def isa(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """An instruction set, which the engine uses meanwhile."""
    monkeypatch.setenv("CHAINRULE_ISA", request.param)
    assert native.isa() == request.param
    return str(request.param)
