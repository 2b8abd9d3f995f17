"""Ways to weigh the words of a text, one small file each, one signature, one table.

A method takes a loaded classifier and texts and returns, for each text, one non-negative float32 weight for each unit
that the model read, with sum 1 (none for a text with nothing to classify).
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from attnclf.explain.methods.attention import attention
from attnclf.runtime.classifier import Classifier, Prediction

Method = Callable[[Classifier, Sequence[str], Sequence[Prediction]], list[NDArray[np.float32]]]

METHODS: dict[str, Method] = {
    "attention": attention,
}
