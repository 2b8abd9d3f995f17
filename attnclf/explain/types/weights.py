"""What a method returns for one text: a number for each token."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Weights(NamedTuple):
    """The weights of one text, (tokens,).

    Those of an unsigned method are shares: at least 0, with sum 1 (less under a local alignment, 0 if no word counts).
    Those of a signed method are on the scale of `ExplanationTarget.value`. `error` (tokens,) is their standard error,
    for a method that samples. `gap` is the distance of their sum from the value that the method promises, if it does.
    """

    values: NDArray[np.floating]
    error: NDArray[np.floating] | None = None
    gap: float | None = None
