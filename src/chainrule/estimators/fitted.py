"""What can be done with a fitted network: look inside, check it, explain it, save it, show it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any, NoReturn

import numpy as np
from sklearn.utils.validation import check_is_fitted

from ..network import Gradients, Network, Trace
from ..tables.dates import slopes
from ..tables.target import STANDARD_Y
from ..typing import Floats
from .html_repr import architecture_html
from .packing import packed, unpacked
from .reading import SampleReader


class LayerArrays(list[Any]):
    """One array a layer, as views of theta: ``arrays[i] = W`` writes into the network.

    Their number is that of the layers: what would change it raises TypeError.
    """

    def __setitem__(self, place: Any, value: Any) -> None:
        if isinstance(place, slice):
            write(self[place], value)
        else:
            write([self[place]], [value])

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise TypeError(f"there is one array for each of the {len(self)} layers: assign to those")

    append = extend = insert = pop = remove = clear = sort = reverse = _refuse
    __delitem__ = __iadd__ = __imul__ = _refuse

    def __reduce__(self) -> tuple[Any, ...]:
        return list, (list(self),)


def write(arrays: list[Floats], values: Iterable[Any]) -> None:
    """Copy ``values`` into ``arrays``, all or none.

    Raises ValueError for another number of them, another shape, and what is not finite.
    """
    values = list(values)
    if len(values) != len(arrays):
        raise ValueError(f"there are {len(arrays)} arrays, one a layer, and {len(values)} values")
    new = [np.asarray(value, array.dtype) for array, value in zip(arrays, values, strict=True)]
    for number, (array, value) in enumerate(zip(arrays, new, strict=True), 1):
        if value.shape != array.shape:
            raise ValueError(f"array {number} has the shape {array.shape}, not {value.shape}")
        if not np.isfinite(value).all():
            raise ValueError(f"array {number} has a number that is not finite")
    for array, value in zip(arrays, new, strict=True):
        array[...] = value


class FittedNetwork(SampleReader):
    """A fitted estimator's network and what can be seen of it; X and y are given as to ``fit``."""

    network_: Network
    n_features_in_: int

    @property
    def coefs_(self) -> list[Floats]:
        """The weights of each layer as scikit-learn has them, (n_{l-1}, n_l): views of theta.

        ``coefs_[i] = W`` and ``coefs_ = [...]`` write into the network.
        """
        check_is_fitted(self, "network_")
        return LayerArrays([W.T for W in self.network_.W[1:]])

    @coefs_.setter
    def coefs_(self, values: Iterable[Any]) -> None:
        write(self.coefs_, values)

    @property
    def intercepts_(self) -> list[Floats]:
        """The biases of each layer (n_l,): views of theta; written as ``coefs_`` are."""
        check_is_fitted(self, "network_")
        return LayerArrays(self.network_.b[1:])

    @intercepts_.setter
    def intercepts_(self, values: Iterable[Any]) -> None:
        write(self.intercepts_, values)

    def forward(self, X: Any) -> Trace:
        """Propagate X forwards; return all ``a[0..L]`` and ``z[1..L]``, each (m, n_l).

        a[0] is X as the network sees it: standardised and encoded.
        """
        encoded = self.encode_inputs(X)
        return self.network_.forward(encoded)

    def backward(
        self, X: Any, y: Any, sample_weight: Any = None, per_sample: bool = False
    ) -> Gradients:
        """Propagate forwards and backwards; return every gradient of J, dJ/dx (``da[0]``) included.

        With ``per_sample`` row i of dW[l], db[l], dz[l] and da[l] is the gradient of sample i's own
        cost. Class weights and penalties are in J as in training. da[0] is the gradient by the
        standardised inputs; ``input_gradient`` has it by those given.
        """
        samples = self.encode_samples(X, y, sample_weight)
        trace = self.network_.forward(samples.X)
        return self.network_.backward(trace, samples.Y, samples.weights, per_sample=per_sample)

    def input_gradient(self, X: Any, y: Any, sample_weight: Any = None) -> Floats:
        """Return dJ_i/dx_ij (m, n_features): how each sample's own cost changes with each column.

        In the units of the columns as given, of dates by the day; NaN for a categorical column,
        which has no derivative.
        """
        samples, net = self.encode_samples(X, y, sample_weight), self.network_
        da = net.backward(net.forward(samples.X), samples.Y, per_sample=True).da[0]
        if self.encoder_ is None:
            return np.asarray(da)
        dx = np.full((len(da), self.n_features_in_), np.nan)
        place = 0
        for feature in self.encoder_.features:
            column = self.columns_.index(feature.name)
            if feature.kind in ("number", "date"):
                slope = 1 / feature.scale if feature.scale else 0.0
                circle = slice(place + 1, place + 1 + 2 * len(feature.cycles))
                turning = slopes(samples.X[:, circle], feature.cycles)
                dx[:, column] = da[:, place] * slope + (da[:, circle] * turning).sum(axis=1)
            place += feature.width
        return dx

    def check_gradients(self, X: Any, y: Any, sample_weight: Any = None, **settings: Any) -> Any:
        """Compare every gradient with its numerical derivative; see ``gradcheck``."""
        from ..gradcheck import check_gradients

        samples = self.encode_samples(X, y, sample_weight)
        return check_gradients(
            self.network_, samples.X, samples.Y, sample_weight=samples.weights, **settings
        )

    def explain(self, X: Any, y: Any, **settings: Any) -> Any:
        """Show the chain rule at work on this network and these samples; see ``explain``.

        Inputs and outputs have the names of the columns and classes, unless others are given.
        """
        from ..explanation import explain

        samples = self.encode_samples(X, y, None)
        names: dict[str, Any] = {
            "inputs": self._input_names(),
            "outputs": self._output_names(),
            "notes": self._encoding_notes(),
        }
        return explain(self.network_, samples.X, samples.Y, **names | settings)

    def _input_names(self) -> list[str] | None:
        if self.encoder_ is not None:
            return list(self.encoder_.feature_names)
        names = getattr(self, "feature_names_in_", None)
        return None if names is None else list(names)

    def _output_names(self) -> list[str] | None:
        outputs = self.network_.sizes[-1]
        classes = [str(one) for one in getattr(self, "classes_", ())]
        shown = classes[1:] if len(classes) == 2 and outputs == 1 else classes
        return shown if len(shown) == outputs else None

    def _encoding_notes(self) -> list[str]:
        """Return sentences that say where the numbers of a page are not those that were given."""
        notes = [] if self.encoder_ is None else self.encoder_.sentences
        if not np.all(getattr(self, "y_scale_", 1.0) == np.float64(1.0)):
            notes.append(STANDARD_Y)
        return notes

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the fitted estimator to a model file; ``chainrule.estimators.load`` reads it.

        The optimizer's state is left out, so ``partial_fit`` starts anew with it after loading.
        Raises ValueError for functions of your own (records, callbacks, scorers), and if ``path``
        cannot be written to.
        """
        from .record import write_estimator

        check_is_fitted(self, "network_")
        write_estimator(self, path)

    def __getstate__(self) -> dict[str, Any]:
        state: Any = super().__getstate__()
        return packed(state)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(unpacked(state))  # type: ignore[misc]

    def _repr_html_inner(self) -> str:
        html: str = super()._repr_html_inner()  # type: ignore[misc]
        return html + (architecture_html(self) if hasattr(self, "network_") else "")

    def _repr_mimebundle_(self, **settings: Any) -> dict[str, Any]:
        bundle: dict[str, Any] = super()._repr_mimebundle_(**settings)  # type: ignore[misc]
        if "text/html" in bundle and hasattr(self, "network_"):
            bundle["text/html"] += architecture_html(self)
        return bundle
