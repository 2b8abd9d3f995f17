"""Which rows go through the network together: rows of similar length, so that little is computed on padding."""

from collections.abc import Iterator, Sequence

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
    """Yield batches of rows from short to long, each of at most `tokens` tokens with its padding (at least one row).

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


def in_order(lengths: Sequence[int], pairs: int, most: int) -> Iterator[slice]:
    """Yield runs of rows in their order, each of at most `most` rows and `pairs` pairs of tokens (at least one row).

    The pairs are those within each row: what takes a value for each of them, or a copy of a row for each of its tokens.
    """
    start = taken = 0
    for row, length in enumerate(lengths):
        if row > start and (row - start == most or taken + length**2 > pairs):
            yield slice(start, row)
            start, taken = row, 0
        taken += length**2
    if start < len(lengths):
        yield slice(start, len(lengths))


def _by_length(lengths: NDArray[np.int64], rows: NDArray[np.int64]) -> NDArray[np.int64]:
    return rows[np.argsort(lengths[rows], kind="stable")]


def _cut(rows: NDArray[np.int64], size: int) -> list[NDArray[np.int64]]:
    return [rows[start : start + size] for start in range(0, len(rows), size)]
