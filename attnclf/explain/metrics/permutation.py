"""Whether it matters which token has which attention: the answer when the weights are permuted.

The test of Jain & Wallace 2019 (section 4.2.1) keeps the states and shuffles the weights a_1 … a_T of a text among its
tokens, many times. The figure is the median distance of the answer from the original one. If it is near 0, the answer
does not depend on where attention looked.

The network need not run again. Its context begins with the mean Σ a_t h_t. Everything else in the logits (the maximum
of the states, the n-grams) does not depend on the weights. So with the `value_logits` D h_t of the exported graph

    logits(π) = logits + Σ_t (a_π(t) - a_t) D h_t

exactly.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from attnclf.explain.metrics.faithfulness import shuffled
from attnclf.explain.target import ExplanationTarget

PERMUTATIONS = 100


class Shift(NamedTuple):
    """The effect of permuting attention on the answer for one text.

    `distance` is the median over the permutations of the total variation distance between the two answers, 0 to 1. If
    each label has its own probability, it is the median of the largest change of one. `changed` is the share of
    permutations in which another label is the best.
    """

    distance: float
    changed: float


def permuted(target: ExplanationTarget, logits: NDArray[np.floating], count: int = PERMUTATIONS) -> Shift | None:
    """Return the shift of a text with these `logits` (labels,), whose prediction has the named output `value_logits`.

    The permutations are the same for the same text. None for a text of one token.
    """
    weights = target.prediction.attention.astype(np.float64)
    if len(weights) < 2:
        return None
    added = target.prediction.named["value_logits"].astype(np.float64)
    before = logits.astype(np.float64)
    after = before + (weights[shuffled(target, len(weights), count)] - weights) @ added
    return Shift(
        distance=float(np.median(distance(after, before, independent=target.independent))),
        changed=float(np.mean(after.argmax(axis=-1) != before.argmax())),
    )


def distance(one: NDArray[np.float64], other: NDArray[np.float64], *, independent: bool = False) -> NDArray[np.float64]:
    """Return how far two answers are apart, (…, labels) logits each → (…), as `Shift` defines it."""
    if independent:
        apart: NDArray[np.float64] = np.abs(_sigmoid(one) - _sigmoid(other)).max(axis=-1)
        return apart
    return np.asarray(np.abs(_softmax(one) - _softmax(other)).sum(axis=-1) / 2)


def _sigmoid(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    shares: NDArray[np.float64] = np.exp(-np.logaddexp(0, -logits))
    return shares


def _softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    shares = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(shares / shares.sum(axis=-1, keepdims=True))
