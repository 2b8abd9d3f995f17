"""The weights that the network itself used to form its context: what it looked at."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from attnclf.runtime.classifier import Classifier, Prediction


def attention(
    classifier: Classifier, texts: Sequence[str], predictions: Sequence[Prediction]
) -> list[NDArray[np.float32]]:
    """Return the attention of the predictions as it left the graph (Bahdanau et al. 2015; Raffel & Ellis 2016)."""
    return [prediction.attention for prediction in predictions]
