"""How much the answer falls when a token is deleted, each by itself."""

from collections.abc import Sequence

import numpy as np

from attnclf.explain.methods.method import explanation_method
from attnclf.explain.perturbation import PerturbationScorer, delete
from attnclf.explain.target import ExplanationTarget
from attnclf.explain.types.weights import Weights


@explanation_method(
    "leave-one-out", "the fall when a token is deleted", signed=True, order=5, removal="delete", each=True, scored=True
)
def leave_one_out(targets: Sequence[ExplanationTarget], scorer: PerturbationScorer) -> list[Weights]:
    """Return value(text) - value(text without t) for each token t (Li et al. 2016, "Understanding …", eq. 1).

    One run of the network for each token, all texts' runs in common batches.
    """
    rows, sizes = [], []
    for target in targets:
        keep = ~np.eye(len(target.ids), dtype=bool)
        rows += [target.ids, *(delete(target.ids, kept) for kept in keep)]
        sizes.append(1 + len(target.ids))
    said = np.split(scorer.logits(rows), np.cumsum(sizes, dtype=int))[:-1]
    weights = []
    for target, logits in zip(targets, said, strict=True):
        values = target.value(logits)
        weights.append(Weights(values[0] - values[1:]))
    return weights
