"""Fourier transforms and complex numbers: conjugates, scales, half spectra, real parts."""

from __future__ import annotations

import numpy as np

from gallery.doors import pair
from gallery.record import Gallery

gallery = Gallery("spectra")
N = 8


def complexes(rng, *shape):
    return rng.normal(size=shape) + 1j * rng.normal(size=shape)


@gallery.wrong("locuslab/pytorch_fft#38", "x", r"spectrum|conj|order|transform|turned")
def transform_forwards_in_the_backward_pass(rng):
    """The adjoint of fft is n ifft; the backward pass takes fft again."""
    R = complexes(rng, N)
    return pair(
        lambda p: (R.conj() * np.fft.fft(p["x"])).real.sum(),
        lambda p: {"x": np.fft.fft(R).real},
        {"x": rng.normal(size=N)},
    )


@gallery.wrong("HIPS/autograd#187", "z", "conj")
def holomorphic_slope_not_conjugated(rng):
    """|sin z|²: the slope cos z comes in as its conjugate."""
    return pair(
        lambda p: (np.abs(np.sin(p["z"])) ** 2).sum(),
        lambda p: {"z": 2 * np.sin(p["z"]) * np.cos(p["z"])},
        {"z": complexes(rng, 5)},
    )


@gallery.wrong("EnzymeAD/Enzyme-JAX#2071", "z", "real|imag")
def imaginary_part_dropped(rng):
    A = complexes(rng, 4, 4)
    return pair(
        lambda p: (np.abs(A @ p["z"]) ** 2).sum(),
        lambda p: {"z": (2 * A.conj().T @ (A @ p["z"])).real + 0j},
        {"z": complexes(rng, 4)},
    )


@gallery.wrong("HIPS/autograd#187", "z", "factor 2|2 ×|half|0.5")
def wirtinger_half(rng):
    """|z|² differentiated by the Wirtinger rule as z, where dx + i dy is 2 z."""
    return pair(lambda p: (np.abs(p["z"]) ** 2).sum(), lambda p: {"z": p["z"]},
                {"z": complexes(rng, 5)})  # fmt: skip


@gallery.wrong("HIPS/autograd#187", "x", "turned|flip|shift|correl|convol|order")
def circular_convolution_for_correlation(rng):
    k, R = rng.normal(size=N), rng.normal(size=N)
    K = np.fft.fft(k)

    def conv(x, F):
        return np.fft.ifft(np.fft.fft(x) * F).real

    return pair(
        lambda p: (R * np.sin(conv(p["x"], K))).sum(),
        lambda p: {"x": conv(R * np.cos(conv(p["x"], K)), K)},
        {"x": rng.normal(size=N)},
    )


# ------------------------------------------------------------------ right


@gallery.right("locuslab/pytorch_fft#38")
def power_spectrum(rng):
    w = rng.uniform(0.5, 2, N)
    return pair(
        lambda p: (w * np.abs(np.fft.fft(p["x"])) ** 2).sum(),
        lambda p: {"x": 2 * N * np.fft.ifft(w * np.fft.fft(p["x"])).real},
        {"x": rng.normal(size=N)},
    )


@gallery.right("EnzymeAD/Enzyme-JAX#2071")
def gradient_in_the_other_convention(rng):
    A = complexes(rng, 4, 4)
    return pair(
        lambda p: (np.abs(A @ p["z"]) ** 2).sum(),
        lambda p: {"z": np.conj(2 * A.conj().T @ (A @ p["z"]))},
        {"z": complexes(rng, 4)},
        conjugate=True,
    )


@gallery.right("HIPS/autograd#187")
def absolute_value_of_complex_numbers(rng):
    return pair(
        lambda p: np.abs(p["z"]).sum(),
        lambda p: {"z": p["z"] / np.abs(p["z"])},
        {"z": complexes(rng, 6)},
    )
