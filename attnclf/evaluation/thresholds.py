"""From probabilities to a set of labels: the thresholds from which a multi-label model gives a label."""

import numpy as np
from numpy.typing import NDArray

CELLS = 2**20  # rows × labels that are searched; of more, evenly drawn rows


def labels_above(probabilities: NDArray[np.floating], thresholds: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Return which labels each row gets: those with a probability at or above their threshold; (rows, labels)."""
    return np.asarray(probabilities, np.float64) >= np.asarray(thresholds, np.float64)


FEWEST = 50  # rows; on fewer, the best threshold is an accident
PULL = 30  # rows of a label; with so many, its own threshold counts as much as the shared one


def tune_thresholds(true: NDArray[np.integer], probabilities: NDArray[np.floating]) -> NDArray[np.float64]:
    """Thresholds (labels,) for a model that was validated on these rows, `true` (rows, labels) of 0 and 1.

    Each is the geometric mean of the best one for its label and the best one for all. The weights of the mean are n,
    the number of rows with the label, and `PULL`. The best one of a label with few rows over-fits, and one threshold
    for all neglects rare labels. On fewer rows than `FEWEST` all are 0.5.
    """
    if len(true) < FEWEST:
        return np.full(probabilities.shape[1], 0.5)
    counts = np.asarray(true).sum(axis=0)
    some = sample_rows(*probabilities.shape)
    shared = best_threshold(true[some], probabilities[some])
    own = np.array([best_threshold(true[:, [label]], probabilities[:, [label]]) for label in range(len(counts))])
    return np.array(own ** (counts / (counts + PULL)) * shared ** (PULL / (counts + PULL)))


def best_threshold(true: NDArray[np.integer], probabilities: NDArray[np.floating]) -> float:
    """Return the one threshold that maximises micro-F1 on these rows; `true` (rows, labels) is 0 or 1.

    The search is exact: every cut between two neighbouring probabilities is tried. Among equally good cuts the one
    nearest to 0.5 wins: 0.5 itself if it makes that cut, otherwise the middle of the gap.
    """
    order = np.argsort(-probabilities, axis=None, kind="stable")
    descending = np.asarray(probabilities, np.float64).ravel()[order]
    hits = np.asarray(true).ravel()[order].astype(bool)

    # Cut k accepts the k most probable decisions: any threshold in (probability k + 1, probability k] makes it.
    high, low = np.append(1.0, descending), np.append(descending, 0.0)
    predicted = np.arange(descending.size + 1)
    f1 = 2 * np.append(0, np.cumsum(hits)) / np.maximum(predicted + hits.sum(), 1)
    possible = low < high
    if not possible.any():
        return 0.5
    best = possible & (f1 == f1[possible].max())
    gaps = np.where((low < 0.5) & (high >= 0.5), 0.5, (low + high) / 2)[best]
    return float(gaps[np.argmin(np.abs(gaps - 0.5))])


def sample_rows(rows: int, labels: int) -> NDArray[np.int64] | slice:
    """Return which rows to search: all of them, or evenly spaced ones, so that rows × labels is at most `CELLS`."""
    if rows * labels <= CELLS:
        return slice(None)
    return np.linspace(0, rows - 1, max(CELLS // labels, 1)).astype(np.int64)
