"""Rows that stand for all of them, where a search through all rows and labels would take too long."""

import numpy as np
from numpy.typing import NDArray

CELLS = 2**20  # rows × labels that are searched; of more, evenly drawn rows


def sample_rows(rows: int, labels: int) -> NDArray[np.int64] | slice:
    """Return which of the rows to search: all of them, or so many that there are `CELLS` rows × labels."""
    if rows * labels <= CELLS:
        return slice(None)
    return np.linspace(0, rows - 1, max(CELLS // labels, 1)).astype(np.int64)
