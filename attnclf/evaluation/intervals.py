"""How far a mean over texts may be off: intervals from the texts themselves."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 2000
LEVEL = 0.95
SEED = 0
TOGETHER = 2**22  # values that are sampled together: bounds the memory for many texts


class Mean(NamedTuple):
    """A mean over texts, and the interval in which it would lie with other texts like these."""

    mean: float
    low: float
    high: float


def bootstrapped(values: Sequence[float] | NDArray[np.floating]) -> Mean:
    """Return the mean of at least one value, with its percentile bootstrap interval (Efron & Tibshirani 1993, ch. 13).

    The same indices are sampled each time, so that figures of the same texts move together.
    """
    known = np.asarray(values, dtype=np.float64)
    generator = np.random.default_rng(SEED)
    parts = np.array_split(np.arange(RESAMPLES), 1 + RESAMPLES * len(known) // TOGETHER)
    means = [known[generator.integers(len(known), size=(len(part), len(known)))].mean(axis=1) for part in parts]
    low, high = np.quantile(np.concatenate(means), [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Mean(float(known.mean()), float(low), float(high))
