"""How much the answer falls when a span of neighbours is masked, averaged over the spans that cover a token."""

from collections.abc import Sequence

import numpy as np

from attnclf.explain.methods.method import explanation_method
from attnclf.explain.perturbation import PerturbationScorer, mask
from attnclf.explain.target import ExplanationTarget
from attnclf.explain.types.weights import Weights

SPAN = 3  # tokens


@explanation_method(
    "occlusion", "the fall when a span is masked", signed=True, order=7, removal="mask", each=True, scored=True
)
def occlusion(targets: Sequence[ExplanationTarget], scorer: PerturbationScorer) -> list[Weights]:
    """Return the mean fall over the spans of `SPAN` tokens that cover a token, divided by their length.

    Zeiler & Fergus 2014 (section 3) slide a grey square over an image; the unknown word is our grey. A text shorter
    than a span is one span.
    """
    rows, covers = [], []
    for target in targets:
        tokens = len(target.ids)
        span = min(SPAN, tokens)
        places, first = np.arange(tokens), np.arange(tokens - span + 1)[:, np.newaxis]
        covered = (places >= first) & (places < first + span)  # (spans, tokens)
        rows += [target.ids, *(mask(target.ids, ~hidden) for hidden in covered)]
        covers.append(covered)
    said = np.split(scorer.logits(rows), np.cumsum([1 + len(covered) for covered in covers], dtype=int))[:-1]
    weights = []
    for target, covered, logits in zip(targets, covers, said, strict=True):
        values = target.value(logits)
        fall = (values[0] - values[1:]) / covered.sum(axis=1)
        weights.append(Weights(fall @ covered / covered.sum(axis=0)))
    return weights
