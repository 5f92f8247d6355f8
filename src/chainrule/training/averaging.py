"""Averaged weights: an exponential moving average of theta along the steps of a run.

Source: Polyak and Juditsky, "Acceleration of stochastic approximation by averaging", SIAM Journal
on Control and Optimization 30, 1992; the exponential form with its correction for the start is
Kingma and Ba, "Adam", ICLR 2015, section 7.2.
"""

from __future__ import annotations

from typing import Final

from ..typing import Floats

# More samples hardly change the average, but each costs a call of the engine and a pass over theta.
SAMPLES_A_HALF_LIFE: Final = 8


class WeightAverage:
    """The average ``sum_i beta^(t - i) theta_i / sum_i beta^(t - i)`` over samples i = 1..t.

    A sample is theta after every ``stride``-th step, and ``beta = 2^(-stride / half_life)`` with
    the half-life in steps. So the average begins with theta_1, not with 0 or the initial theta.
    """

    def __init__(self, theta: Floats, half_life: float) -> None:
        self.theta = theta.copy()
        self.stride = max(1, int(half_life / SAMPLES_A_HALF_LIFE))
        self.beta = 2.0 ** (-self.stride / half_life)

    def until_sample(self, done: int) -> int:
        """Return how many steps there are from step ``done`` to the next sample."""
        return self.stride - done % self.stride

    def observe(self, theta: Floats, done: int) -> None:
        """Take theta after ``done`` steps into the average, if it is a sample.

        ``average += w (theta - average)``, ``w = (1 - beta) / (1 - beta^t)``.
        """
        t, between = divmod(done, self.stride)
        if between == 0:
            self.theta += (1 - self.beta) / (1 - self.beta**t) * (theta - self.theta)
