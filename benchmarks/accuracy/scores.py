"""One way to score them all: accuracy, or micro-F1 where a row has several labels; and macro-F1."""

import numpy as np
from numpy.typing import NDArray

from attnclf.evaluation import thresholds


def accuracy(true: NDArray[np.int64], predicted: NDArray[np.int64]) -> float:
    """Return the share of rows that are right, in percent; with several labels micro-F1. Shapes as in `Rows`."""
    if true.ndim == 1:
        return 100 * float((true == predicted).mean())
    return 100 * 2 * float((true & predicted).sum()) / max(int(true.sum() + predicted.sum()), 1)


def macro_f1(true: NDArray[np.int64], predicted: NDArray[np.int64]) -> float:
    """Return the mean F1 of the labels that occur, in percent."""
    if true.ndim == 1:
        width = max(int(true.max()), int(predicted.max())) + 1
        true, predicted = (column[:, None] == np.arange(width) for column in (true, predicted))
    hits, size = (true.astype(bool) & predicted.astype(bool)).sum(axis=0), true.sum(axis=0) + predicted.sum(axis=0)
    return 100 * float(np.mean(2 * hits[size > 0] / size[size > 0]))


def decided(stated: NDArray[np.floating], threshold: NDArray[np.floating] | None) -> NDArray[np.int64]:
    """Return what these probabilities (rows, labels) say: the greatest, or all that reach a threshold."""
    if threshold is None:
        return stated.argmax(axis=1).astype(np.int64)
    return thresholds.labels_above(stated, threshold).astype(np.int64)


def threshold(true: NDArray[np.int64], stated: NDArray[np.floating]) -> NDArray[np.float64] | None:
    """Return the threshold that serves these rows best; None where each has one label."""
    return None if true.ndim == 1 else thresholds.tune_thresholds(true, stated)
