"""Which rows go through the network together: rows of similar length, so that little is computed on padding."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

POOL = 50  # batches sorted by length together: enough to waste little padding, few enough to keep the order random


def shuffled(lengths: NDArray[np.int64], size: int, generator: "np.random.Generator") -> list[NDArray[np.int64]]:
    """Return batches of `size` rows of similar length in random order; every row once.

    Rows are shuffled, sorted by length within pools of `POOL` batches, cut, and the batches are shuffled.
    """
    order = generator.permutation(len(lengths))
    batches = [
        batch
        for start in range(0, len(order), size * POOL)
        for batch in _cut(_by_length(lengths, order[start : start + size * POOL]), size)
    ]
    return [batches[index] for index in generator.permutation(len(batches))]


def sorted_by_length(lengths: NDArray[np.int64], tokens: int, most: int | None = None) -> Iterator[NDArray[np.int64]]:
    """Yield batches of rows from short to long, each of at most `tokens` units with its padding (at least one row).

    A batch has no more than `most` rows.
    """
    order = _by_length(lengths, np.arange(len(lengths)))
    start = 0
    while start < len(order):
        # Rows come in rising length, so the last row of a batch decides its width.
        widths = lengths[order[start : start + min(tokens, most or tokens)]]
        fits = int(np.searchsorted(widths * np.arange(1, len(widths) + 1), tokens, side="right"))
        yield order[start : start + max(fits, 1)]
        start += max(fits, 1)


def _by_length(lengths: NDArray[np.int64], rows: NDArray[np.int64]) -> NDArray[np.int64]:
    return rows[np.argsort(lengths[rows], kind="stable")]


def _cut(rows: NDArray[np.int64], size: int) -> list[NDArray[np.int64]]:
    return [rows[start : start + size] for start in range(0, len(rows), size)]
