"""In which order a network that emits labels one after the other learns to emit them."""

from collections import Counter
from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from attnclf.data.labels import LabelSet


def label_sequences(
    label_lists: Sequence[tuple[str, ...]],
    labels: LabelSet,
    order: Literal["frequency", "given"],
    frequency: Counter[str],
) -> NDArray[np.int64]:
    """Return (rows, steps) int64: the numbers of a row's labels, then the number of labels, which is the end, then -1.

    Order "frequency" puts the label first that is the most frequent in training (Yang et al. 2018, sec. 2.1); "given"
    leaves labels as they stand in their row. A label that the model does not know is left out.
    """
    rows = [[name for name in names if name in labels.index] for names in label_lists]
    if order == "frequency":
        rows = [sorted(names, key=lambda name: (-frequency[name], labels.index[name])) for names in rows]
    sequences = np.full((len(rows), 1 + max(map(len, rows))), -1, dtype=np.int64)
    for sequence, names in zip(sequences, rows, strict=True):
        sequence[: len(names) + 1] = [*(labels.index[name] for name in names), len(labels)]
    return sequences
