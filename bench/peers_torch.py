"""torch in three forms: eager with autograd, compiled, and by hand without autograd.

Data resident as tensors, rows taken by index_select, no DataLoader.
"""

from __future__ import annotations

from typing import Any

from cases import Case, Data, Run, Theta, data


def _ready(case: Case, threads: int) -> tuple[Any, Data, Any, Any, Any]:
    """Torch, the data, and as tensors X, what the cost wants as target, and the batches' rows."""
    import torch as t

    t.set_num_threads(threads)
    t.set_flush_denormal(True)
    d = data(case)
    X, Y = t.from_numpy(d.X), t.from_numpy(d.Y)
    return t, d, X, Y, t.from_numpy(d.order).split(case.batch)


def _start(t: Any, d: Data) -> list[Any]:
    return [t.from_numpy(p.copy()) for pair in d.start for p in pair]


def _read(parameters: list[Any]) -> Theta:
    flat = [p.detach().numpy() for p in parameters]
    return list(zip(flat[::2], flat[1::2], strict=True))


def _cost(t: Any, case: Case, z: Any, y: Any) -> Any:
    if case.cost == "logistic":
        return t.nn.functional.binary_cross_entropy_with_logits(z, y)
    if case.cost == "cross_entropy":
        return t.nn.functional.cross_entropy(z, y)
    return ((z - y) ** 2).sum(1).mean() / 2


def eager(case: Case, threads: int) -> Run:
    """nn.Sequential, autograd, and the fused optimizer."""
    t, d, X, Y, batches = _ready(case, threads)
    f = {"relu": t.nn.ReLU, "tanh": t.nn.Tanh, "sigmoid": t.nn.Sigmoid}[case.hidden]
    target = Y.argmax(1) if case.cost == "cross_entropy" else Y
    kind = t.optim.Adam if case.optimizer == "adam" else t.optim.SGD

    def train() -> Any:
        layers: list[Any] = []
        for W, b in d.start:
            layer = t.nn.Linear(W.shape[1], W.shape[0])
            layer.weight.data.copy_(t.from_numpy(W))
            layer.bias.data.copy_(t.from_numpy(b))
            layers += [layer, f()]
        model = t.nn.Sequential(*layers[:-1])
        optimizer = kind(model.parameters(), lr=case.rate, fused=True)
        for rows in batches:
            optimizer.zero_grad(set_to_none=True)
            y = target.index_select(0, rows)
            _cost(t, case, model(X.index_select(0, rows)), y).backward()
            optimizer.step()
        return list(model.parameters())

    return Run(train, _read)


def compiled(case: Case, threads: int) -> Run:
    """torch.compile of the whole step: rows, cost, gradient and optimizer in one graph."""
    t, d, X, Y, batches = _ready(case, threads)
    f = {"relu": t.relu, "tanh": t.tanh, "sigmoid": t.sigmoid}[case.hidden]
    target = Y.argmax(1) if case.cost == "cross_entropy" else Y
    adam = case.optimizer == "adam"

    def J(theta: list[Any], x: Any, y: Any) -> Any:
        a = x
        for l in range(0, len(theta), 2):
            z = t.nn.functional.linear(a, theta[l], theta[l + 1])
            a = f(z) if l < len(theta) - 2 else z
        return _cost(t, case, a, y)

    def step(theta: list[Any], m: list[Any], v: list[Any], n: Any, rows: Any) -> None:
        x, y = X.index_select(0, rows), target.index_select(0, rows)
        gradient = t.func.grad(J)(theta, x, y)
        if not adam:
            for p, dp in zip(theta, gradient, strict=True):
                p.sub_(case.rate * dp)
            return
        n.add_(1)
        rate = case.rate * t.sqrt(1 - 0.999**n) / (1 - 0.9**n)
        for p, dp, v1, v2 in zip(theta, gradient, m, v, strict=True):
            v1.mul_(0.9).add_(0.1 * dp)
            v2.mul_(0.999).add_(0.001 * dp * dp)
            p.sub_(rate * v1 / (v2.sqrt() + 1e-8))

    # Without cpp_wrapper up to a quarter slower; with max_autotune on top the same.
    quick = t.compile(step, fullgraph=True, dynamic=False, options={"cpp_wrapper": True})

    def train() -> Any:
        theta = _start(t, d)
        m, v = ([t.zeros_like(p) for p in theta] if adam else [] for _ in range(2))
        n = t.zeros(())
        with t.no_grad():
            for rows in batches:
                quick(theta, m, v, n, rows)
        return theta

    return Run(train, _read)


def by_hand(case: Case, threads: int) -> Run:
    """Outputs allocated once, products by addmm, the descent as the gradient product's own sum."""
    t, d, X, Y, batches = _ready(case, threads)
    L, m = len(d.start), case.batch
    a = [t.empty(m, n) for n in case.sizes]
    dz = [t.empty(m, n) for n in case.sizes]
    y = t.empty(m, case.sizes[-1])
    f = {"relu": t.relu_, "tanh": t.tanh_, "sigmoid": t.sigmoid_}
    adam = case.optimizer == "adam"

    def output(z: Any) -> None:
        if case.output == "softmax":
            t.softmax(z, 1, out=z)
        elif case.output == "sigmoid":
            z.sigmoid_()

    def back(l: int) -> None:
        """Turn da of layer l, which lies in dz[l], into dz."""
        if case.hidden == "relu":
            t.ops.aten.threshold_backward.grad_input(dz[l], a[l], 0, grad_input=dz[l])
        elif case.hidden == "tanh":
            t.ops.aten.tanh_backward.grad_input(dz[l], a[l], grad_input=dz[l])
        else:
            t.ops.aten.sigmoid_backward.grad_input(dz[l], a[l], grad_input=dz[l])

    def train() -> Any:
        theta = _start(t, d)
        W, b = theta[::2], theta[1::2]
        g = [t.empty_like(p) for p in theta]
        moments = [[t.zeros_like(p) for p in theta] for _ in range(2)] if adam else []
        counts = [t.zeros(()) for _ in theta]
        with t.inference_mode():
            for rows in batches:
                t.index_select(X, 0, rows, out=a[0])
                t.index_select(Y, 0, rows, out=y)
                for l in range(L):
                    t.addmm(b[l], a[l], W[l].T, out=a[l + 1])
                    (f[case.hidden] if l < L - 1 else output)(a[l + 1])
                t.sub(a[L], y, out=dz[L])
                dz[L].div_(m)
                for l in range(L - 1, -1, -1):
                    if l:
                        t.mm(dz[l + 1], W[l], out=dz[l])
                        back(l)
                    if adam:
                        t.mm(dz[l + 1].T, a[l], out=g[2 * l])
                        t.sum(dz[l + 1], 0, out=g[2 * l + 1])
                    else:
                        W[l].addmm_(dz[l + 1].T, a[l], alpha=-case.rate)
                        b[l].sub_(dz[l + 1].sum(0), alpha=case.rate)
                if adam:
                    t._foreach_add_(counts, 1)
                    t._fused_adam_(
                        theta, g, *moments, [], counts, lr=case.rate, beta1=0.9, beta2=0.999,
                        weight_decay=0.0, eps=1e-8, amsgrad=False, maximize=False,
                    )  # fmt: skip
        return theta

    return Run(train, _read)
