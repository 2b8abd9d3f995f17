"""What each word adds through the linear model over n-grams: exact for that part of the model."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from attnclf.explain.methods.method import CONTRIBUTIONS, explanation_method
from attnclf.explain.perturbation import PerturbationScorer
from attnclf.explain.target import ExplanationTarget
from attnclf.explain.types.weights import Weights


@explanation_method(
    "ngrams", "what each word adds through the n-grams", signed=True, order=4, outputs=(CONTRIBUTIONS,), scored=True
)
def ngrams(targets: Sequence[ExplanationTarget], scorer: PerturbationScorer) -> list[Weights]:
    """Return the contributions of the linear model to the logit of the label, less those to `against`."""
    return [Weights(added(target)) for target in targets]


def added(target: ExplanationTarget) -> NDArray[np.floating]:
    """Return the contributions of one text, (tokens,)."""
    contributions = target.prediction.named["contributions"]
    own: NDArray[np.floating] = contributions[:, target.label]
    return own if target.against is None else own - contributions[:, target.against]
