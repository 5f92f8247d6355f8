"""The formulas of a diagnosis, in the names and the layout of the code that was checked."""

from __future__ import annotations

from .mistakes.backward import Mistake
from .report_record import Diagnosis
from .user_network.model import UserNetwork


def fill(mistake: Mistake, model: UserNetwork, at: int) -> Diagnosis:
    """Return the diagnosis of a mistake at one layer (0: all of them, -1: all hidden ones)."""
    L = len(model.layers)
    l = L if mistake.only_top or at == 0 else L - 1 if at == -1 else at
    words = names(model, l)
    sentence = mistake.sentence.format(**words)
    several = at <= 0 and not mistake.only_top and L > 1
    if several:
        sentence = f"in every {'hidden ' if at else ''}layer: " + sentence
    if mistake.only_top:
        place = f"layer {L}, where the cost comes in"
    elif several:
        place = f"layer {l} and every layer below"
    else:
        place = f"layer {l}" + (f" ({words['W']})" if words["W"] != "W" or L > 1 else "")
    return Diagnosis(mistake.name, place, sentence, mistake.formula.format(**words), True, l)


def names(model: UserNetwork, l: int) -> dict[str, str]:
    """Return the words that stand in the templates for layer l."""
    L, layer = len(model.layers), model.layers[l - 1]
    single = L == 1 and model.cost is None
    here, below = ("", "_prev") if single else (str(l), str(l - 1))
    a_prev = (model.x_name or "a_prev") if single else (f"a{l - 1}" if l > 1 else "x")
    W = layer.W_name or "W"
    dz = f"da{here} * f'(z{here})" + (f", da{here} from layer {l + 1}" if l < L else "")
    cost = model.cost
    return {
        "l": here,
        "p": below,
        "L": "" if single else str(L),
        "m": str(len(model.x)),
        "n": str(model.a[-1].shape[1]),
        "W": W,
        "b": layer.b_name or "b",
        **_products(model, W, f"dz{here}", a_prev),
        "dz": dz,
        "f": layer.f.name,
        "df": layer.f.derivative or "f'",
        "cost": cost.name if cost is not None else "a given da",
        "dJ": (cost.derivative or "dJ/da") if cost is not None else "da",
        "penalty": _penalty(model, W),
    }


def _products(model: UserNetwork, W: str, dz: str, a_prev: str) -> dict[str, str]:
    """Return dW, db and da_prev in the layout of the code: samples and units either way."""
    if model.columns:
        db = f"{dz}.sum(axis=1, keepdims=True)"
        dW = f"{a_prev} @ {dz}.T" if model.W_in_out else f"{dz} @ {a_prev}.T"
        da_prev = f"{W} @ {dz}" if model.W_in_out else f"{W}.T @ {dz}"
    else:
        db = f"{dz}.sum(axis=0)"
        dW = f"{a_prev}.T @ {dz}" if model.W_in_out else f"{dz}.T @ {a_prev}"
        da_prev = f"{dz} @ {W}.T" if model.W_in_out else f"{dz} @ {W}"
    return {"dW": dW, "db": db, "da_prev": da_prev}


def _penalty(model: UserNetwork, W: str) -> str:
    l2 = [f"{model.l2:.3g} * {W}"] if model.l2 else []
    l1 = [f"{model.l1:.3g} * sign({W})"] if model.l1 else []
    return " + ".join(l2 + l1)
