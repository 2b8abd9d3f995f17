"""How far a mean over texts may be off: intervals from the texts themselves."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 2000
LEVEL = 0.95
SEED = 0


class Mean(NamedTuple):
    """A mean over texts, and the interval in which it would lie with other texts like these."""

    mean: float
    low: float
    high: float


def bootstrapped(values: Sequence[float] | NDArray[np.floating]) -> Mean:
    """Return the mean of at least one value, with its percentile bootstrap interval (Efron & Tibshirani 1993, ch. 13).

    The same number of values is drawn from the same places each time, so that figures of the same texts move together.
    """
    known = np.asarray(values, dtype=np.float64)
    drawn = np.random.default_rng(SEED).integers(len(known), size=(RESAMPLES, len(known)))
    low, high = np.quantile(known[drawn].mean(axis=1), [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Mean(float(known.mean()), float(low), float(high))
