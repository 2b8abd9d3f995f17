"""Attention where people saw the evidence (Bao et al. 2018; Mathew et al. 2021, section 4.2)."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

LEAST = (
    1e-6  # weights below it have no gradient: the logarithm of exactly 0, which sparse alignments give, is not finite
)


def divergence(weights: Float[Tensor, "batch time"], marked: Bool[Tensor, "batch time"]) -> Float[Tensor, " batch"]:
    """Return KL(p ‖ a) = Σ_t p_t log(p_t / a_t), where p is even over the marked units of a text and 0 elsewhere.

    That is the cross-entropy of Mathew et al. 2021 less a constant, so that 0 means agreement. A text without a marked
    unit has 0 and no gradient. `weights` a are 0 at padding and sum to 1.
    """
    count = marked.sum(dim=1)
    logs = weights.clamp_min(LEAST).log()
    cross_entropy = -(logs * marked).sum(dim=1) / count.clamp_min(1)
    return torch.where(count > 0, cross_entropy - count.clamp_min(1).log(), 0.0)
