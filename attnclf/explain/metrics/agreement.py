"""Whether two methods put the tokens of a text in the same order."""

import math

import numpy as np
from numpy.typing import NDArray


def kendall(one: NDArray[np.floating], other: NDArray[np.floating]) -> float | None:
    """Return Kendall's tau-b of two rankings of the same tokens (tokens,); 1 is the same order, -1 the reverse.

    It is Σ s s' / √(Σ s² Σ s'²) over all pairs of tokens, where s and s' are the signs of their differences. A pair
    that is equal in one ranking counts neither for nor against (Kendall 1945). None if one ranking has only equal
    values, or there are fewer than two tokens.
    """
    both = ones = others = 0.0
    for token in range(len(one) - 1):  # row by row: the matrix of a long text would be large
        mine = np.sign(one[token] - one[token + 1 :])
        theirs = np.sign(other[token] - other[token + 1 :])
        both += float(mine @ theirs)
        ones += np.count_nonzero(mine)
        others += np.count_nonzero(theirs)
    return both / math.sqrt(ones * others) if ones and others else None
