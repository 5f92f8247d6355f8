"""Recurrent networks and scans: gates, carries, tied weights, cuts."""

from __future__ import annotations

import numpy as np

from gallery.doors import pair, sigmoid
from gallery.record import Gallery

gallery = Gallery("recurrent")
T, N = 5, 3


def elman(rng, change=None, tied=None):
    """h_t = tanh(W x_t + U h_{t-1} + b), J = sum R h; ``change(dh, t)`` alters the carry."""
    X, R = rng.normal(size=(T, N)), rng.normal(size=(T, N))

    def states(p):
        h = [np.zeros(N)]
        for x in X:
            h.append(np.tanh(p["W"] @ x + p["U"] @ h[-1] + p["b"]))
        return h

    def gradient(p):
        h = states(p)
        g = {name: np.zeros_like(v) for name, v in p.items()}
        carry = np.zeros(N)
        for t in range(T - 1, -1, -1):
            dz = (R[t] + carry) * (1 - h[t + 1] ** 2)
            g["W"] += np.outer(dz, X[t])
            g["U"] += np.outer(dz, h[t])
            g["b"] += dz
            carry = p["U"].T @ dz
            if change is not None:
                carry = change(carry, dz, p, t, h)
        return g

    p = {"W": rng.normal(size=(N, N)), "U": rng.normal(size=(N, N)), "b": rng.normal(size=N)}
    return pair(lambda p: (R * np.array(states(p)[1:])).sum(), gradient, p)


@gallery.wrong("qixianbiao/RNN#2", "W, U, b", "truncat|carry|cut|step|recurr")
def carry_dropped_at_every_step(rng):
    return elman(rng, lambda carry, dz, p, t, h: 0 * carry)


@gallery.wrong("state-spaces/mamba#547", "W, U, b", "truncat|carry|cut|step|recurr")
def carry_cut_at_chunks(rng):
    return elman(rng, lambda carry, dz, p, t, h: carry * (t != 3))


@gallery.wrong("nicklashansen/rnn_lstm_from_scratch#1", "W, U, b", r"transpos")
def carry_through_the_matrix_itself(rng):
    return elman(rng, lambda carry, dz, p, t, h: p["U"] @ dz)


def lstm(rng, wrong):
    """One cell over five steps; ``wrong`` names the mistake."""
    X, R = rng.normal(size=(T, N)), rng.normal(size=(T, N))

    def run(p):
        h, c, steps = np.zeros(N), np.zeros(N), []
        for x in X:
            z = {k: p["W" + k] @ np.concatenate([x, h]) + p["b" + k] for k in "ifog"}
            i, f, o, g = sigmoid(z["i"]), sigmoid(z["f"]), sigmoid(z["o"]), np.tanh(z["g"])
            steps.append((np.concatenate([x, h]), c, i, f, o, g))
            c = f * c + i * g
            h = o * np.tanh(c)
            steps[-1] += (c, h)
        return steps

    def gradient(p):
        d = {k: np.zeros_like(v) for k, v in p.items()}
        dh, dc = np.zeros(N), np.zeros(N)
        for t in range(T - 1, -1, -1):
            xh, old, i, f, o, g, c, _ = run(p)[t]
            dh = dh + R[t]
            through = dh * o * (1 - np.tanh(c) ** 2)
            dc = through if wrong == "overwritten" else dc + through
            dz = {
                "o": dh * np.tanh(c) * o * (1 - o),
                "f": dc * old * (1 if wrong == "forget" else f * (1 - f)),
                "i": dc * g * i * (1 - i),
                "g": dc * i * (1 - g * g),
            }
            for k, v in dz.items():
                d["W" + k] += np.outer(v, xh)
                d["b" + k] += dz["f"] if wrong == "biases" and k in "io" else v
            dh = sum(p["W" + k][:, N:].T @ v for k, v in dz.items())
            dc = dc * f
        return d

    p = {"W" + k: rng.normal(size=(N, 2 * N)) * 0.5 for k in "ifog"}
    p |= {"b" + k: rng.normal(size=N) for k in "ifog"}
    return pair(lambda p: (R * np.array([s[-1] for s in run(p)])).sum(), gradient, p)


@gallery.wrong("CaptainE/RNN-LSTM-in-numpy#1", "Wf, bf+", r"f'|slope|sigmoid|Wf")
def forget_gate_without_its_slope(rng):
    return lstm(rng, "forget")


@gallery.wrong("hanbt/learn_dl#53", "bi, bo", "bf|wrong argument|that of")
def biases_of_two_gates_from_a_third(rng):
    return lstm(rng, "biases")


def scan(rng, wrong):
    """h_t = a_t h_{t-1} + x_t, J = sum R tanh(h)."""
    R = rng.normal(size=(8, 2))

    def states(p):
        h = [np.zeros(2)]
        for a, x in zip(p["a"], p["x"], strict=True):
            h.append(a * h[-1] + x)
        return np.array(h)

    def gradient(p):
        h = states(p)
        da, dx, carry = np.zeros((8, 2)), np.zeros((8, 2)), np.zeros(2)
        for t in range(7, -1, -1):
            carry = carry + R[t] * (1 - np.tanh(h[t + 1]) ** 2)
            dx[t] = carry
            da[t] = carry * h[t + (wrong == "state")]
            carry = carry * (p["a"][min(t + 1, 7)] if wrong == "decay" else p["a"][t])
        return {"a": da, "x": dx}

    p = {"a": rng.uniform(0.3, 0.9, (8, 2)), "x": rng.normal(size=(8, 2))}
    return pair(lambda p: (R * np.tanh(states(p)[1:])).sum(), gradient, p)


@gallery.wrong("fla-org/flash-linear-attention#871", "a", "step|shift|off by one|state")
def decay_times_the_state_of_its_own_step(rng):
    return scan(rng, "state")


@gallery.wrong("NX-AI/mlstm_kernels#16", "a, x", "step|shift|off by one|carry|recurr")
def carry_with_the_decay_of_the_next_step(rng):
    return scan(rng, "decay")


@gallery.wrong("unslothai/unsloth#4550", "W", "use|tied|part")
def tied_weights_with_the_gradient_of_the_last_use(rng):
    """An autoencoder W.T tanh(W x): what comes through the encoder is overwritten."""
    X = rng.normal(size=(6, 4))

    def parts(p):
        a = np.tanh(X @ p["W"].T)
        return a, a @ p["W"] - X

    def gradient(p):
        a, r = parts(p)
        return {"W": a.T @ r}

    return pair(lambda p: (parts(p)[1] ** 2).sum() / 2, gradient, {"W": rng.normal(size=(3, 4))})


# ------------------------------------------------------------------ right


@gallery.right("rwth-i6/returnn#1835")
def recurrence_of_five_steps(rng):
    return elman(rng)


@gallery.right("NX-AI/mlstm_kernels#16")
def scan_of_eight_steps(rng):
    return scan(rng, "")


@gallery.right("NVlabs/DiffRL#16", decided=False)
def steep_chaotic_map(rng):
    """Twenty steps of the logistic map: slopes of 1e5."""

    def run(p):
        x = [p["x"]]
        for _ in range(20):
            x.append(3.9 * x[-1] * (1 - x[-1]))
        return x

    def gradient(p):
        d = np.ones_like(p["x"])
        for x in run(p)[:-1]:
            d = d * 3.9 * (1 - 2 * x)
        return {"x": d}

    return pair(lambda p: run(p)[-1].sum(), gradient, {"x": rng.uniform(0.2, 0.4, 3)})


@gallery.right("pytorch/pytorch#80204")
def carry_that_vanishes(rng):
    """Decays of 1e-4: gradients fall by 1e-4 a step."""

    def states(p):
        h = [p["h"]]
        for _ in range(3):
            h.append(1e-4 * np.sin(h[-1]))
        return h

    def gradient(p):
        d = np.ones_like(p["h"])
        for h in states(p)[:-1]:
            d = d * 1e-4 * np.cos(h)
        return {"h": d}

    return pair(lambda p: states(p)[-1].sum(), gradient, {"h": rng.uniform(0.3, 1, 4)})
