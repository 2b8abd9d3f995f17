"""What each state adds to the answer through its attention weight, and each word through the n-grams."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from attnclf.explain.methods.method import explanation_method
from attnclf.explain.perturbation import PerturbationScorer
from attnclf.explain.target import ExplanationTarget
from attnclf.explain.types.weights import Weights


@explanation_method(
    "attention-x-gradient",
    "what each state adds through its attention",
    signed=True,
    order=3,
    outputs=("evidence",),
    scored=True,
)
def attention_x_gradient(targets: Sequence[ExplanationTarget], scorer: PerturbationScorer) -> list[Weights]:
    """Return a_t ∂value/∂a_t, plus the exact share of the n-grams (Serrano & Smith 2019, section 3.1, with its sign).

    The logits are linear in the weights, so the graph itself has the product: `evidence` is a_t ∂logits/∂a_t, and no
    torch is needed. With two labels, value is a difference of logits; in the context "soft" the weights then sum to
    the value less the biases. With more labels, value is linear only near the prediction.
    """
    return [Weights(_weigh(target)) for target in targets]


def _weigh(target: ExplanationTarget) -> NDArray[np.floating]:
    named = target.prediction.named
    evidence = named["evidence"] + named.get("contributions", 0)
    # The logits but for a constant, which the slope of a softmax ignores.
    logits = np.log(np.maximum(target.prediction.probabilities, np.finfo(np.float32).tiny))
    return np.asarray(evidence @ target.slope(logits))
