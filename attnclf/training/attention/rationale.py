"""Attention where people saw the evidence (Bao et al. 2018; Mathew et al. 2021, section 4.2)."""

from collections.abc import Callable

import torch
from jaxtyping import Bool, Float
from torch import Tensor

LEAST = 1e-6  # weights below it have no gradient: the logarithm of exactly 0, which a window gives, is not finite

# Ω of alignments that can give a unit exactly 0, argmax_p p·e − Ω(p), less a constant (Blondel et al. 2020, section 4).
SPARSE: dict[str, Callable[[Tensor], Tensor]] = {
    "sparsemax": lambda weights: weights.square().sum(dim=1) / 2,
    "entmax15": lambda weights: 4 / 3 * weights.pow(1.5).sum(dim=1),
}


def disagreement(
    scores: Float[Tensor, "batch time"],
    weights: Float[Tensor, "batch time"],
    marked: Bool[Tensor, "batch time"],
    alignment: str,
) -> Float[Tensor, " batch"]:
    """Return how far attention is from even weights over the marked units of a text, 0 where it agrees.

    `weights` are 0 at padding and are what the alignment made of the `scores`. It is the divergence; for a sparse
    alignment, which would pass no gradient of that to a unit with weight 0, the Fenchel-Young loss of the alignment.
    """
    if alignment in SPARSE:
        return fenchel_young(scores, weights, marked, SPARSE[alignment])
    return divergence(weights, marked)


def divergence(weights: Float[Tensor, "batch time"], marked: Bool[Tensor, "batch time"]) -> Float[Tensor, " batch"]:
    """Return KL(p ‖ a) = Σ_t p_t log(p_t / a_t), where p is even over the marked units of a text and 0 elsewhere.

    That is the cross-entropy of Mathew et al. 2021 less a constant, so that 0 means agreement. A text without a marked
    unit has 0 and no gradient. `weights` a are 0 at padding and sum to 1.
    """
    count = marked.sum(dim=1)
    logs = weights.clamp_min(LEAST).log()
    cross_entropy = -(logs * marked).sum(dim=1) / count.clamp_min(1)
    return torch.where(count > 0, cross_entropy - count.clamp_min(1).log(), 0.0)


def fenchel_young(
    scores: Float[Tensor, "batch time"],
    weights: Float[Tensor, "batch time"],
    marked: Bool[Tensor, "batch time"],
    omega: Callable[[Tensor], Tensor],
) -> Float[Tensor, " batch"]:
    """Return Ω(p) − Ω(a) + (a − p)·e, where p is even over the marked units and a the weights made of the scores e.

    Its gradient at the scores is a − p, also at units of weight 0 (Blondel et al. 2020, proposition 2; with the
    negative entropy of Shannon, whose alignment is softmax, it is the divergence). A text without a marked unit has 0.
    """
    count = marked.sum(dim=1)
    even = marked.to(scores.dtype) / count.clamp_min(1).unsqueeze(1)
    # a maximises, so that its own change adds nothing to the gradient.
    given = weights.detach()
    loss = omega(even) - omega(given) + ((given - even) * scores).sum(dim=1)
    return torch.where(count > 0, loss, 0.0)
