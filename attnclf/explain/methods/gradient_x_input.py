"""The slope of the answer along each token's input, times that input: a linear estimate of what it adds."""

from collections.abc import Sequence

import numpy as np

from attnclf.explain.methods.method import explanation_method
from attnclf.explain.perturbation import PerturbationScorer
from attnclf.explain.target import ExplanationTarget
from attnclf.explain.types.weights import Weights


@explanation_method("gradient-x-input", "the slope along each input", signed=True, order=9, torch=True)
def gradient_x_input(targets: Sequence[ExplanationTarget], scorer: PerturbationScorer) -> list[Weights]:
    """Return x_t · ∂value/∂x_t (Denil et al. 2014, section 5; Shrikumar et al. 2016), x_t as `gradients` defines it."""
    slopes = scorer.slopes()
    return [Weights(slopes.along(target, np.ones(1))[1][0]) for target in targets]
