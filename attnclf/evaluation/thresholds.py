"""From probabilities to a set of labels: the threshold above which a multi-label model says yes."""

import numpy as np
from numpy.typing import NDArray


def chosen(probabilities: NDArray[np.floating], thresholds: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Which labels are said of each row: probability at or above the label's threshold; (rows, labels)."""
    return np.asarray(probabilities, np.float64) >= np.asarray(thresholds, np.float64)


FEWEST = 50  # rows; on fewer, the best threshold is an accident


def settle(true: NDArray[np.integer], probabilities: NDArray[np.floating]) -> NDArray[np.float64]:
    """Thresholds (labels,) for a model that was validated on these rows: tuned, or 0.5 where rows are too few."""
    return tune(true, probabilities) if len(true) >= FEWEST else np.full(probabilities.shape[1], 0.5)


def tune(true: NDArray[np.integer], probabilities: NDArray[np.floating]) -> NDArray[np.float64]:
    """Thresholds (labels,), all alike, that maximise micro-F1 on these rows; `true` (rows, labels) is 0 or 1.

    One shared threshold, because a threshold for each label over-fits where a label has few rows. The search is exact:
    every cut between two neighbouring probabilities is tried. Among equally good cuts the one nearest to 0.5 wins:
    0.5 itself if it makes that cut, otherwise the middle of the gap.
    """
    labels = probabilities.shape[1]
    order = np.argsort(-probabilities, axis=None, kind="stable")
    descending = np.asarray(probabilities, np.float64).ravel()[order]
    hits = np.asarray(true).ravel()[order].astype(bool)

    # Cut k says yes to the k most probable decisions: any threshold in (probability k + 1, probability k] makes it.
    high, low = np.append(1.0, descending), np.append(descending, 0.0)
    predicted = np.arange(descending.size + 1)
    f1 = 2 * np.append(0, np.cumsum(hits)) / np.maximum(predicted + hits.sum(), 1)
    possible = low < high
    if not possible.any():
        return np.full(labels, 0.5)
    best = possible & (f1 == f1[possible].max())
    gaps = np.where((low < 0.5) & (high >= 0.5), 0.5, (low + high) / 2)[best]
    return np.full(labels, gaps[np.argmin(np.abs(gaps - 0.5))])
