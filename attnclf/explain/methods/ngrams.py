"""What each word adds by way of the n-grams beside the network: exact for that half of the model."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from attnclf.explain.question import Judge, Question, Weights


def ngrams(questions: Sequence[Question], judge: Judge) -> list[Weights]:
    """Return the contributions of the linear model to the logit of the label, less those to `against`."""
    return [Weights(added(question)) for question in questions]


def added(question: Question) -> NDArray[np.floating]:
    """Return the contributions of one text, (units,)."""
    contributions = question.prediction.named["contributions"]
    own: NDArray[np.floating] = contributions[:, question.label]
    return own if question.against is None else own - contributions[:, question.against]
