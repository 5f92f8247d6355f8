"""A look inside a fitted estimator: all z and a, all gradients, the check and the explanation."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ..network import Gradients, Network, Trace
from ..tables.dates import slopes
from ..tables.target import STANDARD_Y


class LookInside:
    """What can be seen of a fitted network; X and y are given as to ``fit``."""

    network_: Network

    def forward(self, X: Any) -> Trace:
        """Propagate X forwards; return all ``a[0..L]`` and ``z[1..L]``, each (m, n_l).

        a[0] is X as the network sees it: standardised and encoded.
        """
        encoded = self._encoded(X)  # type: ignore[attr-defined]
        return self.network_.forward(encoded)

    def backward(
        self, X: Any, y: Any, sample_weight: Any = None, per_sample: bool = False
    ) -> Gradients:
        """Propagate forwards and backwards; return every gradient of J, dJ/dx (``da[0]``) included.

        With ``per_sample`` row i of dW[l], db[l], dz[l] and da[l] is the gradient of sample i's own
        cost. Class weights and penalties are in J as in training. da[0] is the gradient by the
        standardised inputs; ``input_gradient`` has it by those given.
        """
        net, samples = self._seen(X, y, sample_weight)
        trace = net.forward(samples.X)
        return net.backward(trace, samples.Y, samples.weights, per_sample=per_sample)

    def input_gradient(self, X: Any, y: Any, sample_weight: Any = None) -> npt.NDArray[Any]:
        """Return dJ_i/dx_ij (m, n_features): how each sample's own cost changes with each column.

        In the units of the columns as given, of dates by the day; NaN for a categorical column,
        which has no derivative.
        """
        net, samples = self._seen(X, y, sample_weight)
        da = net.backward(net.forward(samples.X), samples.Y, per_sample=True).da[0]
        encoder = self.encoder_  # type: ignore[attr-defined]
        if encoder is None:
            return np.asarray(da)
        found = np.full((len(da), self.n_features_in_), np.nan)  # type: ignore[attr-defined]
        names = list(getattr(self, "feature_names_in_", [f.name for f in encoder.features]))
        place = 0
        for feature in encoder.features:
            column = names.index(feature.name)
            if feature.kind in ("number", "date"):
                slope = 1 / feature.scale if feature.scale else 0.0
                circle = slice(place + 1, place + 1 + 2 * len(feature.cycles))
                turning = slopes(samples.X[:, circle], feature.cycles)
                found[:, column] = da[:, place] * slope + (da[:, circle] * turning).sum(axis=1)
            place += feature.width
        return found

    def check_gradients(self, X: Any, y: Any, sample_weight: Any = None, **settings: Any) -> Any:
        """Compare every gradient with its numerical derivative; see ``gradcheck``."""
        from ..gradcheck import check_gradients

        net, samples = self._seen(X, y, sample_weight)
        return check_gradients(net, samples.X, samples.Y, sample_weight=samples.weights, **settings)

    def explain(self, X: Any, y: Any, **settings: Any) -> Any:
        """Show the chain rule at work on this network and these samples; see ``explain``.

        Inputs and outputs have the names of the columns and classes, unless others are given.
        """
        from ..explanation import explain

        net, samples = self._seen(X, y, None)
        known: dict[str, Any] = {"inputs": self._input_names(net), "outputs": self._classes(net)}
        known["notes"] = self._what_was_done()
        return explain(net, samples.X, samples.Y, **known | settings)

    def _input_names(self, net: Network) -> list[str] | None:
        encoder = self.encoder_  # type: ignore[attr-defined]
        if encoder is not None:
            return list(encoder.feature_names)
        return list(self.feature_names_in_) if hasattr(self, "feature_names_in_") else None

    def _what_was_done(self) -> list[str]:
        """Say where the numbers of a page are not those that were given."""
        encoder = self.encoder_  # type: ignore[attr-defined]
        said = [] if encoder is None else encoder.sentences
        if not np.all(getattr(self, "y_scale_", 1.0) == np.float64(1.0)):
            said.append(STANDARD_Y)
        return said

    def _classes(self, net: Network) -> list[str] | None:
        classes = [str(one) for one in getattr(self, "classes_", ())]
        shown = classes[1:] if len(classes) == 2 and net.sizes[-1] == 1 else classes
        return shown if len(shown) == net.sizes[-1] else None

    def _seen(self, X: Any, y: Any, weight: Any) -> tuple[Network, Any]:
        from sklearn.utils.validation import check_is_fitted

        check_is_fitted(self, "network_")
        samples = self._samples(X, y, weight, reset=False)  # type: ignore[attr-defined]
        return self.network_, samples
