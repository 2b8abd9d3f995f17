"""Whether probabilities are right: bins for the reliability diagram, and the expected calibration error."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

BINS = 15  # as in Guo et al. 2017


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Calibration:
    """Stated against observed probability, in equal-width bins (0, 1/b], (1/b, 2/b], ...; 0 itself is in the first.

    `count` (bins,) is how many decisions fell into a bin, `stated` their mean probability, `observed` the share that
    was true. Both are 0 in a bin without decisions.
    """

    count: NDArray[np.int64]
    stated: NDArray[np.float64]
    observed: NDArray[np.float64]

    @property
    def ece(self) -> float:
        """Expected calibration error, 0 to 1: Σ_bin count/total · |observed - stated| (Guo et al. 2017, equation 3)."""
        total = max(int(self.count.sum()), 1)
        return float((self.count * np.abs(self.observed - self.stated)).sum() / total)

    @property
    def by_chance(self) -> float:
        """The error expected of right probabilities on this number of rows: each bin's count is a binomial draw."""
        total = max(int(self.count.sum()), 1)
        return sum(map(_deviation, self.count.tolist(), self.stated.tolist())) / total

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {"count": self.count.tolist(), "stated": self.stated.tolist(), "observed": self.observed.tolist()}


def _deviation(count: int, share: float) -> float:
    """Return E|X - count · share| of a binomial X (de Moivre's formula)."""
    if not 0 < share < 1:
        return 0.0
    past = math.floor(count * share) + 1  # the first outcome above the mean
    ways = math.lgamma(count + 1) - math.lgamma(past) - math.lgamma(count - past + 1)
    return 2 * math.exp(ways + past * math.log(share) + (count - past + 1) * math.log1p(-share))


def calibrate(stated: NDArray[np.floating], happened: NDArray[np.bool_], bins: int = BINS) -> Calibration:
    """Bin decisions by their stated probability, 0 to 1; `happened`, of the same shape, is True if one came true."""
    stated, happened = np.asarray(stated, np.float64).ravel(), np.asarray(happened).ravel()
    index = np.clip(np.ceil(stated * bins).astype(np.int64) - 1, 0, bins - 1)
    count = np.bincount(index, minlength=bins)
    each = np.maximum(count, 1)
    return Calibration(
        count=count,
        stated=np.bincount(index, weights=stated, minlength=bins) / each,
        observed=np.bincount(index, weights=happened, minlength=bins) / each,
    )


def uncalibrated(probabilities: NDArray[np.floating], temperature: float, *, multi_label: bool) -> NDArray[np.float64]:
    """Return the probabilities before the logits were divided by the temperature: softmax or sigmoid of logits · T.

    `probabilities` (rows, labels) sum to 1 in a row, or with several labels stand each for itself.
    """
    stated = np.clip(np.asarray(probabilities, np.float64), np.finfo(np.float32).tiny, 1 - 1e-12)
    if multi_label:
        return np.asarray(1 / (1 + ((1 - stated) / stated) ** temperature))
    logs = temperature * np.log(stated)
    odds = np.exp(logs - logs.max(axis=1, keepdims=True))
    return np.asarray(odds / odds.sum(axis=1, keepdims=True))
