"""The kernels as WebAssembly: the asset is what its recipe makes, and trains as both engines do."""

import base64
import hashlib
import json
import shutil
import subprocess
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from native.native_problems import batches, outputs_of, problem
from oracles.pages import ROOT

from chainrule.engines import reference
from chainrule.engines.protocol import Steps
from chainrule.explanation.assets import asset, kernels
from chainrule.explanation.pagedata import page_data
from chainrule.explanation.unit_layout import Names
from chainrule.mathematics.activations import ACTIVATIONS
from chainrule.mathematics.costs import COSTS
from chainrule.mathematics.optimizers import OPTIMIZERS

RECIPE = ROOT / "src" / "core" / "wasm"
ASSET = ROOT / "src" / "chainrule" / "explanation" / "assets" / "kernels.wasm"
LIBRARIES = Path("/usr/include/wasm32-wasi/c++/v1/cstdint")
CAN_BUILD = all(map(shutil.which, ("clang++-14", "wasm-ld-14"))) and LIBRARIES.exists()
NODE = shutil.which("node") or ""
NEEDS_NODE = pytest.mark.skipif(not NODE, reason="skipped: no node is installed")
DRIVER = """
const cases = JSON.parse(require("fs").readFileSync(0, "utf8"));
(async () => {
  const results = [];
  for (const { data, bytes, X, Y, theta, optimizer, settings, batch, rate, orders } of cases) {
    const kernels = await Kernels.compiled(Buffer.from(bytes, "base64"), data);
    const rows = (values) => values.map((row) => Float64Array.from(row));
    kernels.setRows(rows(X), rows(Y));
    kernels.setOptimizer(optimizer, settings);
    const { J, gradient } = kernels.evaluate(Float64Array.from(theta), [...X.keys()], true);
    let now = Float64Array.from(theta);
    let steps = 0;
    for (const order of orders) {
      const taken = kernels.train(now, order, batch, rate, steps);
      steps += taken.steps;
      now = taken.theta;
    }
    kernels.setOptimizer(optimizer, settings);
    const step = kernels.step(Float64Array.from(theta), gradient, rate, 0).theta;
    results.push({ J, gradient: [...gradient], theta: [...now], steps, step: [...step] });
  }
  console.log(JSON.stringify(results));
})();
"""


def in_node(cases: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Run cases through the page's own script in node; numbers keep every bit."""
    script = "\n".join([asset("kernels.js"), DRIVER])
    done = subprocess.run(
        [NODE, "-e", script], input=json.dumps(cases), capture_output=True, text=True, check=True
    )
    results: list[dict[str, Any]] = json.loads(done.stdout)
    return results


def case_of(p: Any, batch: int, orders: list[list[int]], rate: float) -> dict[str, Any]:
    net = p.network
    data = page_data(net, p.X, p.Y, np.arange(len(p.X)), 0, Names((), ()), None)
    wanted = ("sizes", "layers", "cost", "pair", "l1", "l2")
    return {
        "data": {key: data[key] for key in wanted},
        "bytes": base64.b64encode(zlib.decompress(base64.b64decode(kernels()))).decode(),
        "X": p.X.tolist(),
        "Y": p.Y.tolist(),
        "theta": net.theta.tolist(),
        "optimizer": p.optimizer.name,
        "settings": dict(p.optimizer.settings),
        "batch": batch,
        "rate": rate,
        "orders": orders,
    }


def test_the_asset_has_the_checksum_of_its_recipe() -> None:
    digest = (RECIPE / "kernels.wasm.sha256").read_text().split()[0]
    assert hashlib.sha256(ASSET.read_bytes()).hexdigest() == digest


@pytest.mark.slow
@pytest.mark.skipif(not CAN_BUILD, reason="skipped: no clang 14 for WebAssembly is installed")
def test_the_recipe_makes_the_asset_to_the_last_byte(tmp_path: Path) -> None:
    built = tmp_path / "kernels.wasm"
    subprocess.run([RECIPE / "build", built], check=True)
    assert built.read_bytes() == ASSET.read_bytes()


@NEEDS_NODE
def test_gradients_of_every_activation_and_cost_are_the_reference_engines() -> None:
    hidden = [problem([3, 5, 4, 2], f) for f in ACTIVATIONS]
    ends = [
        problem([3, 5, 4], output=output, cost=cost, l1=0.01, l2=0.02)
        for cost in COSTS
        for output in outputs_of(cost)
    ]
    problems = hidden + ends
    order = list(range(len(hidden[0].X)))
    results = in_node([case_of(p, 8, [order], 0.01) for p in problems])
    for p, result in zip(problems, results, strict=True):
        gradient = np.empty_like(p.network.theta)
        J = reference.evaluate(p, p.network.theta, gradient)
        np.testing.assert_allclose(result["J"], J, rtol=1e-12)
        np.testing.assert_allclose(result["gradient"], gradient, rtol=1e-10, atol=1e-14)


@NEEDS_NODE
@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
def test_training_is_the_native_engines(name: str) -> None:
    native = pytest.importorskip("chainrule.engines.native")
    shapes = [([2, 3, 1], 1), ([2, 3, 1], 5), ([30, 17, 6], 8), ([60, 40, 10], 37)]
    problems = [problem(sizes, optimizer=name, l2=0.01) for sizes, _ in shapes]
    cases, expected = [], []
    for p, (_, batch) in zip(problems, shapes, strict=True):
        order = batches(37, batch, 40)
        most = 37 // batch * batch  # a call takes no more than the rows there are
        calls = [order[k : k + most].tolist() for k in range(0, len(order), most)]
        cases.append(case_of(p, batch, calls, 0.01))
        theta, state = p.network.theta.copy(), p.optimizer.init(p.network.theta)
        native.run(p, theta, state, Steps(order, batch, np.full(-(-len(order) // batch), 0.01)))
        one, fresh = p.network.theta.copy(), p.optimizer.init(p.network.theta)
        gradient = np.empty_like(one)
        native.evaluate(p, one, gradient)
        unpenalised = problem(p.network.sizes, optimizer=name)
        native.step(unpenalised, one, fresh, gradient, 0.01, 0)
        expected.append((theta, one))
    for result, (theta, one) in zip(in_node(cases), expected, strict=True):
        np.testing.assert_allclose(result["theta"], theta, rtol=1e-11, atol=1e-13)
        np.testing.assert_allclose(result["step"], one, rtol=1e-12, atol=1e-14)


@NEEDS_NODE
def test_a_step_to_numbers_that_are_not_finite_is_not_taken() -> None:
    p = problem([2, 3, 1], "identity", optimizer="gradient_descent")
    p.X[5] = 1e200
    order = list(range(8))
    one, several = in_node([case_of(p, batch, [order], 0.1) for batch in (1, 2)])
    assert (one["steps"], several["steps"]) == (5, 2)
    assert np.isfinite(one["theta"]).all()
    assert np.isfinite(several["theta"]).all()
