"""Attention where people saw the evidence (Mathew et al. 2021)."""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

LEAST = 1e-6  # weights below it have no gradient: the logarithm of exactly 0, which a window gives, is not finite

# Ω of alignments that can give a token exactly 0, argmax_p p·e − Ω(p), less a constant (Blondel et al. 2020, sec. 4).
SPARSE: dict[str, Callable[[Tensor], Tensor]] = {
    "sparsemax": lambda weights: weights.square().sum(dim=1) / 2,
    "entmax15": lambda weights: 4 / 3 * weights.pow(1.5).sum(dim=1),
}


def disagreement(
    scores: Float[Tensor, "batch time"],
    weights: Float[Tensor, "batch time"],
    evidence: Float[Tensor, "batch time"],
    alignment: str,
) -> Float[Tensor, " batch"]:
    """Return how far attention is from the evidence of a text, 0 where it agrees.

    `evidence` is at least 0, and 0 at padding: 1 at marked tokens and 0 elsewhere, or how much each token speaks for
    the labels; only its shares count. `weights` are 0 at padding and are what the alignment made of the `scores`. It is
    the divergence; for a sparse alignment, which would pass no gradient of that to a token with weight 0, the
    Fenchel-Young loss of the alignment.
    """
    if alignment in SPARSE:
        return fenchel_young(scores, weights, evidence, SPARSE[alignment])
    return divergence(weights, evidence)


def divergence(weights: Float[Tensor, "batch time"], evidence: Float[Tensor, "batch time"]) -> Float[Tensor, " batch"]:
    """Return KL(p ‖ a) = Σ_t p_t log(p_t / a_t), where p are the shares of the evidence in a text.

    For marked tokens, where p is even, that is the cross-entropy of Mathew et al. 2021 less a constant, so that 0 means
    agreement. A text without evidence has 0 and no gradient. `weights` a are 0 at padding and sum to 1.
    """
    shares = shares_of(evidence.to(weights.dtype))
    loss: Tensor = (torch.xlogy(shares, shares) - shares * weights.clamp_min(LEAST).log()).sum(dim=1)
    return loss


def fenchel_young(
    scores: Float[Tensor, "batch time"],
    weights: Float[Tensor, "batch time"],
    evidence: Float[Tensor, "batch time"],
    omega: Callable[[Tensor], Tensor],
) -> Float[Tensor, " batch"]:
    """Return Ω(p) − Ω(a) + (a − p)·e, where p are the shares of the evidence and a the weights made of the scores e.

    Its gradient at the scores is a − p, also at tokens of weight 0 (Blondel et al. 2020, proposition 2). With the
    negative entropy of Shannon, whose alignment is softmax, it is the divergence. A text without evidence has 0.
    """
    shares = shares_of(evidence.to(scores.dtype))
    # a maximises, so that its own change adds nothing to the gradient.
    given = weights.detach()
    loss = omega(shares) - omega(given) + ((given - shares) * scores).sum(dim=1)
    return torch.where(evidence.sum(dim=1) > 0, loss, 0.0)


def shares_of(evidence: Float[Tensor, "batch time"]) -> Float[Tensor, "batch time"]:
    """Return the evidence of each text over its sum; zeros for a text without evidence."""
    total = evidence.sum(dim=1, keepdim=True)
    return evidence / torch.where(total > 0, total, 1.0)
