"""Two methods that ignore the text: the baselines of all others."""

from collections.abc import Sequence

import numpy as np

from attnclf.explain.methods.method import explanation_method
from attnclf.explain.perturbation import PerturbationScorer
from attnclf.explain.target import ExplanationTarget
from attnclf.explain.types.weights import Weights


@explanation_method("random", "chance", signed=False, order=11)
def random(targets: Sequence[ExplanationTarget], scorer: PerturbationScorer) -> list[Weights]:
    """Return shares drawn at random, the same for the same text."""
    drawn = [np.random.default_rng(target.seed).random(len(target.ids)) for target in targets]
    return [Weights(shares / shares.sum()) for shares in drawn]


@explanation_method("uniform", "every token alike", signed=False, order=12)
def uniform(targets: Sequence[ExplanationTarget], scorer: PerturbationScorer) -> list[Weights]:
    """Return the same share for every token; ranked, that is the order of the text."""
    return [Weights(np.full(len(target.ids), 1 / len(target.ids))) for target in targets]
