"""Whether two methods put the units of a text in the same order."""

import math

import numpy as np
from numpy.typing import NDArray


def kendall(one: NDArray[np.floating], other: NDArray[np.floating]) -> float | None:
    """Return Kendall's tau-b of two rankings of the same units (units,); 1 is the same order, -1 the reverse.

    Over all pairs of units, with the signs of their differences: Σ s s' / √(Σ s² Σ s'²), so that a pair that is equal
    in one ranking counts neither for nor against (Kendall 1945). None where one of them has only equal values, or there
    are fewer than two units.
    """
    both = ones = others = 0.0
    for unit in range(len(one) - 1):  # row by row: the matrix of a long text would be large
        mine = np.sign(one[unit] - one[unit + 1 :])
        theirs = np.sign(other[unit] - other[unit + 1 :])
        both += float(mine @ theirs)
        ones += np.count_nonzero(mine)
        others += np.count_nonzero(theirs)
    return both / math.sqrt(ones * others) if ones and others else None
