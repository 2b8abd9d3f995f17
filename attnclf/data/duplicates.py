"""Which texts are the same text."""

from collections.abc import Sequence

import numpy as np


def keys(texts: Sequence[str]) -> np.ndarray:
    """64-bit keys (rows,), equal for equal texts, good in this process only; the texts themselves are not kept."""
    return np.fromiter(map(hash, texts), dtype=np.int64, count=len(texts))


def groups(texts: Sequence[str]) -> np.ndarray:
    """Number of each row's text (rows,), counted in order of first appearance, the same in every process."""
    _, first, inverse = np.unique(keys(texts), return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    numbers: np.ndarray = rank[inverse]
    return numbers
