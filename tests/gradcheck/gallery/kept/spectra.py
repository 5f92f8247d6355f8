"""Fourier transforms and complex numbers: the cases kept apart."""

from __future__ import annotations

import numpy as np

from gallery.doors import pair
from gallery.record import Gallery
from gallery.spectra import N, complexes

gallery = Gallery("spectra")


@gallery.wrong("locuslab/pytorch_fft#38", "x", r"1/8|1/n|1/m|8")
def inverse_transform_with_its_scale(rng):
    R = complexes(rng, N)
    return pair(
        lambda p: (R.conj() * np.fft.fft(p["x"])).real.sum(),
        lambda p: {"x": np.fft.ifft(R).real},
        {"x": rng.normal(size=N)},
    )


@gallery.wrong("locuslab/pytorch_fft#38", "x", "half spectrum|2 for|frequenc|spectrum")
def real_transform_with_every_frequency_twice(rng):
    w = rng.uniform(0.5, 2, 5)

    def J(p):
        return (w * np.abs(np.fft.rfft(p["x"])) ** 2).sum()

    def gradient(p):
        F = np.fft.rfft(p["x"])
        return {"x": 2 * N * np.fft.irfft(w * F, N)}

    return pair(J, gradient, {"x": rng.normal(size=N)})


@gallery.right("HIPS/autograd#187")
def real_parameter_inside_a_phase(rng):
    R = complexes(rng, 6)
    return pair(
        lambda p: (R * np.exp(1j * p["t"])).real.sum(),
        lambda p: {"t": (1j * R * np.exp(1j * p["t"])).real},
        {"t": rng.normal(size=6)},
    )
