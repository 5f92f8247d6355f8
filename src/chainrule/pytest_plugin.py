"""pytest: the fixture ``gradcheck``, and a mark that runs a test over dtypes and shapes.

Nothing heavy is imported until a test uses the fixture. A failed check prints at most ten lines; on
GitHub, and with ``--gradcheck-annotate``, it is also an annotation of the test's line.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any

import pytest

MARK = (
    "gradcheck(dtypes=(), shapes=()): run the test for every dtype and shape, given to it as the "
    "arguments 'dtype' and 'shape'"
)
PROPERTY = "gradcheck"


class GradientChecks:
    """The checks of chainrule, each of which fails the test in ten lines unless all is right.

    Called itself it is ``cr.check_gradients``; ``kernel``, ``objective``, ``jacobian``,
    ``hessian``, ``adjoint``, ``torch`` (the function of ``chainrule.compat.torch.gradcheck``) are
    the others. Each returns its ``Report``. ``undecidable=True`` lets pass what cannot be decided.
    """

    def __init__(self, seed: int, record: Callable[[str, object], None]) -> None:
        self.seed, self._record = seed, record

    def __call__(self, *args: Any, **settings: Any) -> Any:
        """Check a gradient, as ``cr.check_gradients``."""
        from .gradcheck import check_gradients

        settings.setdefault("progress", False)
        return self._run(check_gradients, args, settings)

    def kernel(self, *args: Any, **settings: Any) -> Any:
        """Check a kernel, as ``cr.check_kernel``."""
        from .gradcheck.kernels import check_kernel

        return self._run(check_kernel, args, settings)

    def objective(self, *args: Any, **settings: Any) -> Any:
        """Check a boosting objective, as ``cr.check_objective``."""
        from .gradcheck.objectives import check_objective

        return self._run(check_objective, args, settings)

    def jacobian(self, *args: Any, **settings: Any) -> Any:
        """Check a Jacobian, as ``cr.check_jacobian``."""
        from .gradcheck.jacobians import check_jacobian

        return self._run(check_jacobian, args, settings)

    def hessian(self, *args: Any, **settings: Any) -> Any:
        """Check a Hessian, as ``cr.check_hessian``."""
        from .gradcheck.jacobians import check_hessian

        return self._run(check_hessian, args, settings)

    def adjoint(self, *args: Any, **settings: Any) -> Any:
        """Check two maps by the adjoint identity, as ``cr.check_adjoint``."""
        from .gradcheck.jacobians import check_adjoint

        return self._run(check_adjoint, args, settings)

    def torch(self, *args: Any, **settings: Any) -> Any:
        """Check every entry of a torch function's Jacobian."""
        from .compat.torch import torch_report

        return self._run(torch_report, args, settings, seeded=False)

    def _run(
        self,
        check: Callable[..., Any],
        args: Iterable[Any],
        settings: dict[str, Any],
        seeded: bool = True,
    ) -> Any:
        __tracebackhide__ = True
        undecidable = settings.pop("undecidable", False)
        if seeded:
            settings.setdefault("seed", self.seed)
        report = check(*args, **settings)
        if report.ok or (undecidable and report.verdict == "undecidable"):
            return report
        from .gradcheck.brief import brief

        text = brief(report, settings.get("seed", self.seed))
        self._record(PROPERTY, text)
        pytest.fail(text, pytrace=False)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of the fixture."""
    group = parser.getgroup("gradcheck", "gradient checks of chainrule")
    group.addoption(
        "--gradcheck-seed", type=int, default=0, help="seed of every gradient check (0)"
    )
    group.addoption(
        "--gradcheck-annotate",
        action="store_true",
        help="print failed checks as ::error annotations too; on GitHub always",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Make the mark known."""
    config.addinivalue_line("markers", MARK)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a marked test for every dtype and shape."""
    mark = metafunc.definition.get_closest_marker("gradcheck")
    if mark is None:
        return
    unknown = set(mark.kwargs) - {"dtypes", "shapes"}
    if mark.args or unknown:
        raise pytest.UsageError(
            f"{metafunc.definition.nodeid}: the mark gradcheck takes dtypes= and shapes= only"
        )
    for plural, name in (("dtypes", "dtype"), ("shapes", "shape")):
        values = list(mark.kwargs.get(plural, ()))
        if not values:
            continue
        if name not in metafunc.fixturenames:
            raise pytest.UsageError(
                f"{metafunc.definition.nodeid}: the mark gradcheck has {plural}=, so the test "
                f"must take the argument {name!r}"
            )
        metafunc.parametrize(name, values, ids=list(map(_spelt, values)))


def _spelt(value: Any) -> str:
    if isinstance(value, (tuple, list)):
        return "x".join(map(_spelt, value)) or "scalar"
    return str(getattr(value, "__name__", value)).removeprefix("torch.")


@pytest.fixture
def gradcheck(request: pytest.FixtureRequest) -> GradientChecks:
    """Gradient checks that fail the test in ten lines: see ``GradientChecks``."""
    properties = request.node.user_properties
    seed = int(request.config.getoption("--gradcheck-seed"))
    return GradientChecks(seed, lambda key, value: properties.append((key, value)))


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Print an annotation for each failed check; reports of pytest-xdist's workers are among
    them."""
    if not (config.getoption("--gradcheck-annotate") or os.environ.get("GITHUB_ACTIONS")):
        return
    from .gradcheck.brief import annotation

    for report in terminalreporter.stats.get("failed", ()):
        for key, text in report.user_properties:
            if key == PROPERTY:
                path, line, _ = report.location
                terminalreporter.write_line(annotation(path, (line or 0) + 1, str(text)))
