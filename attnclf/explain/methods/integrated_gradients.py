"""Gradient times input, averaged on the path from nothing to the text, so that the weights sum to the change."""

from collections.abc import Sequence

import numpy as np

from attnclf.explain.methods.method import explanation_method
from attnclf.explain.perturbation import PerturbationScorer
from attnclf.explain.target import ExplanationTarget
from attnclf.explain.types.weights import Weights

POINTS = 50  # of the Gauss-Legendre rule, as Captum takes


@explanation_method(
    "integrated-gradients", "that slope on the way from nothing to the text", signed=True, order=10, torch=True
)
def integrated_gradients(targets: Sequence[ExplanationTarget], scorer: PerturbationScorer) -> list[Weights]:
    """Return ∫ x_t · ∂value(α x)/∂x_t dα over α from 0 to 1 (Sundararajan et al. 2017, eq. 1), baseline 0.

    x_t is as `gradients` defines it. The gap is the sum of the weights less value(x) - value(0): 0 by the theorem,
    and what the rule of `POINTS` points misses in fact.
    """
    nodes, masses = np.polynomial.legendre.leggauss(POINTS)
    points, shares = (nodes + 1) / 2, masses / 2
    slopes = scorer.slopes()
    weights = []
    for target in targets:
        values, products = slopes.along(target, np.concatenate([[0.0], points, [1.0]]))
        summed = shares @ products[1:-1]
        weights.append(Weights(summed, gap=float(summed.sum() - (values[-1] - values[0]))))
    return weights
