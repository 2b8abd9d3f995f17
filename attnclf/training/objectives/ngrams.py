"""Attention guided by the evidence of n-grams, as strongly in a long text as in a short one."""

from jaxtyping import Float
from torch import Tensor

from attnclf.training.objectives.rationale import SPARSE, disagreement, shares_of


def departure(
    scores: Float[Tensor, "batch time"],
    weights: Float[Tensor, "batch time"],
    evidence: Float[Tensor, "batch time"],
    alignment: str,
) -> Float[Tensor, " batch"]:
    """Return how far attention is from the evidence of a text: `disagreement`, for a sparse alignment over Ω(p).

    In a text whose evidence is spread over n tokens the gradient of a Fenchel-Young loss at a score, a − p, is of the
    order 1/n. The labels send 1/n through softmax, but 1/√n through entmax15 and 1 through sparsemax, and would
    outweigh it in long texts alone. Ω(p), of the order 1/√n and 1/n, makes up for that. A text without evidence has 0.
    """
    loss = disagreement(scores, weights, evidence, alignment)
    if alignment not in SPARSE:
        return loss
    size = SPARSE[alignment](shares_of(evidence.to(scores.dtype)))
    return loss / size.masked_fill(size == 0, 1.0)
