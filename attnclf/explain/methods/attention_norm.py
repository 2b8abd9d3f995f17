"""The length of each state in the context: attention times the norm of the state."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from attnclf.explain.methods.method import explanation_method
from attnclf.explain.perturbation import PerturbationScorer
from attnclf.explain.target import ExplanationTarget
from attnclf.explain.types.weights import Weights
from attnclf.runtime.prediction import Prediction


@explanation_method(
    "attention-norm",
    "attention times the length of the state",
    signed=False,
    order=2,
    outputs=("value_norms",),
    scored=True,
)
def attention_norm(targets: Sequence[ExplanationTarget], scorer: PerturbationScorer) -> list[Weights]:
    """Return a_t ‖h_t‖ over their sum (Kobayashi et al. 2020, section 2.3, with the state as the value vector)."""
    return [Weights(_shares(target.prediction)) for target in targets]


def _shares(prediction: Prediction) -> NDArray[np.floating]:
    lengths: NDArray[np.floating] = prediction.attention * prediction.named["value_norms"]
    total = max(float(lengths.sum()), float(np.finfo(np.float32).tiny))
    return lengths / total
