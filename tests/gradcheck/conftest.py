"""The two ways in which the passes of a network's check are taken."""

from __future__ import annotations

import pytest

from chainrule.engines import built

WAYS = ("core", "numpy")


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Take the passes on the native core, or on NumPy as where it was not built."""
    if request.param == "numpy":
        monkeypatch.setattr(
            "chainrule.gradcheck.strategies.network.native_passes_of",
            lambda net, perturbation: None,
        )
    elif built() is None:
        pytest.skip("the core is not built")
    return str(request.param)
