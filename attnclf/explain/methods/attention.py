"""The weights that the network itself used to form its context: what it looked at."""

from collections.abc import Sequence

from attnclf.explain.methods.method import explanation_method
from attnclf.explain.perturbation import PerturbationScorer
from attnclf.explain.target import ExplanationTarget
from attnclf.explain.types.weights import Weights


@explanation_method("attention", "what the network looked at", signed=False, order=1, scored=True)
def attention(targets: Sequence[ExplanationTarget], scorer: PerturbationScorer) -> list[Weights]:
    """Return the attention a_t of the predictions as it left the graph (Bahdanau et al. 2015; Raffel & Ellis 2016)."""
    return [Weights(target.prediction.attention) for target in targets]
