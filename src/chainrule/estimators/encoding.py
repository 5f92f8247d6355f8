"""Encoding: the encoder of inputs by sample weights, and its scales brought up to date.

Numbers are standardised, gaps filled and marked, words one-hot (``tables.encoder``). In a stream
of batches the scales follow the running moments of all samples seen, and the first layer is
expressed anew in them: ``W' = W sigma' / sigma``, ``b' = b + W (mu' - mu) / sigma``, so that the
network is the same function of x.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ..network import Network
from ..tables.columns import Columns, as_measures
from ..tables.encoder import Encoder
from ..tables.features import Feature, fit_feature
from ..tables.row_weights import by_weight, repeats, weighted_moments
from ..typing import Floats
from .inputs import Inputs
from .moments import FEW, Moments, same
from .user_warnings import warn

Numbers = npt.NDArray[np.float64]
Weights = Numbers | None

# Features with a mean and a scale: x is (x - mean) / scale in the first of their places.
MEASURED = ("number", "date")


def fit_encoder(inputs: Inputs, names: Sequence[str], standardize: bool, weights: Weights) -> Any:
    """Return the encoder of inputs, None for a matrix that stays as it is.

    A whole weight counts as so many rows. Raises ValueError for a column that is empty or infinite.
    """
    if isinstance(inputs, Columns):
        rows = repeats(weights)
        if rows is not None:
            inputs, weights = inputs.take(rows), None
        return fit_columns(inputs, standardize, weights)
    return fit_matrix(inputs, names, weights) if standardize else None


def fit_columns(inputs: Columns, standardize: bool, weights: Weights = None) -> Encoder:
    """Work out how to encode a table's columns."""
    features: list[Feature] = []
    for column in inputs.values():
        if column.missing.all():
            raise ValueError(f"column {column.name!r} of X has no value in any row: leave it out")
        feature, notes = fit_feature(column)
        if feature is None or len(feature.words) >= 100:
            for note in notes:
                warn(note, UserWarning)
        if feature is not None:
            if weights is not None:
                feature = by_weight(feature, column, weights)
            if feature.kind == "number" and not standardize:
                feature = replace(feature, mean=0.0, scale=1.0)
            features.append(feature)
    if not features:
        raise ValueError("no column of X says anything: each word is in one row only")
    encoded = {feature.name for feature in features}
    return Encoder(tuple(features), tuple(n for n in inputs if n not in encoded))


def fit_matrix(X: Floats, names: Sequence[str], weights: Weights) -> Encoder:
    """Return the encoder that standardises each column, by sample weights where there are any."""
    means, scales = weighted_moments(X, weights)
    return Encoder(
        tuple(
            Feature(str(name), "number", float(mean), float(scale))
            for name, mean, scale in zip(names, means, scales, strict=True)
        )
    )


def encode(inputs: Inputs, encoder: Encoder | None, dtype: Any) -> Floats:
    """Return inputs as the matrix (m, n_0) that the network takes; warns of unseen words."""
    if isinstance(inputs, Columns):
        assert encoder is not None
        X, notes = encoder.encode(inputs, dtype)
        for line in notes:
            warn(line, UserWarning)
        return X
    return _finite(inputs, _standardised(inputs, encoder), dtype)


def _standardised(X: Floats, encoder: Encoder | None) -> Floats:
    """Return (x - mean) / scale of each column, 0 where it was constant, as ``encoder`` says."""
    if encoder is None:
        return X
    means, scales = (np.array(numbers) for numbers in _scales(encoder))
    with np.errstate(over="ignore", under="ignore", divide="ignore", invalid="ignore"):
        # Halves keep the difference of two huge numbers finite.
        Z = (X * 0.5 - means * 0.5) / scales * 2.0
        Z[:, scales == 0] = 0.0
    return np.asarray(Z)


def _finite(X: Floats, encoded: Floats, dtype: Any) -> Floats:
    with np.errstate(over="ignore", under="ignore"):
        out = np.ascontiguousarray(encoded, dtype)
    if not np.isfinite(out).all():
        row, column = (int(place[0]) for place in np.nonzero(~np.isfinite(out)))
        raise ValueError(
            f"X[{row}, {column}] = {X[row, column]:g} is too far from the values trained on to "
            "compute with: is it right?"
        )
    return out


def _scales(encoder: Encoder) -> tuple[list[float], list[float]]:
    measured = [f for f in encoder.features if f.kind in MEASURED]
    return [f.mean for f in measured], [f.scale for f in measured]


def fitted_moments(inputs: Inputs, encoder: Encoder | None, weights: Weights) -> Moments | None:
    """Return the moments that an encoder was fitted with; None if it standardises no column."""
    if encoder is None or not (scales := _scales(encoder))[0]:
        return None
    if isinstance(inputs, Columns):
        gaps = [inputs[f.name].missing for f in encoder.features if f.kind in MEASURED]
        present = 1.0 - np.column_stack(gaps)
    else:
        present = np.ones(inputs.shape)
    total = present.sum(axis=0) if weights is None else weights @ present
    return Moments(total.astype(np.float64), *(np.array(numbers) for numbers in scales))


def moments_of(inputs: Inputs, encoder: Encoder | None, weights: Weights) -> Moments | None:
    """Return the moments of the columns that are standardised; None if there are none."""
    if encoder is None:
        return None
    if not isinstance(inputs, Columns):
        return Moments.of(inputs, weights)
    measured = [inputs[f.name] for f in encoder.features if f.kind in MEASURED]
    if not measured:
        return None
    return Moments.of(np.column_stack([as_measures(column) for column in measured]), weights)


def with_moments(encoder: Encoder, moments: Moments) -> Encoder:
    """Return the encoder with the scales of these moments; itself if they are but for rounding."""
    means, scales = (np.array(numbers) for numbers in _scales(encoder))
    if same(moments.mean, moments.deviation, means, scales):
        return encoder
    numbers = iter(zip(moments.mean.tolist(), moments.deviation.tolist(), strict=True))
    features = []
    for feature in encoder.features:
        if feature.kind in MEASURED:
            mean, scale = next(numbers)
            feature = replace(feature, mean=mean, scale=scale)
        features.append(feature)
    return replace(encoder, features=tuple(features))


def express_inputs(net: Network, old: Encoder, new: Encoder, weight: Numbers) -> None:
    """Express the first layer in new scales, so that the network is the same function of x.

    ``weight``: of the samples that the old scales come from. Scales of few samples are too
    uncertain to hold on to: there W and b stay.
    """
    place, places = 0, []
    for feature in old.features:
        if feature.kind in MEASURED:
            places.append(place)
        place += feature.width
    (mu, sigma), (mu_new, sigma_new) = (np.array(_scales(encoder)) for encoder in (old, new))
    settled = weight >= FEW
    both = settled & (sigma > 0) & (sigma_new > 0)
    ratio = np.divide(sigma_new, sigma, out=np.ones_like(sigma), where=both)
    W = np.asarray(net.W[1], np.float64)
    columns = W[:, places] * ratio
    shift = np.divide(
        mu_new - mu, sigma_new, out=np.zeros_like(mu), where=settled & (sigma_new > 0)
    )
    net.b[1] = net.b[1] + columns @ shift
    W = W.copy()
    W[:, places] = columns
    net.W[1] = W
