"""Weights that change seldom from one token to the next, so that highlights are contiguous (Lei et al. 2016)."""

from jaxtyping import Bool, Float
from torch import Tensor


def variation(weights: Float[Tensor, "batch time"], keep: Bool[Tensor, "batch time"]) -> Float[Tensor, " batch"]:
    """Return the total variation Σ_t |a_t − a_(t−1)| over neighbouring real tokens; `keep` is True at these.

    Lei et al. 2016 (section 3, the second term of their regularizer) ask it of a choice of words; Niculae & Blondel
    2017 build it into an alignment. It is 0 for even weights and at most 2.
    """
    neighbours = keep[:, 1:] & keep[:, :-1]
    jumps = (weights[:, 1:] - weights[:, :-1]).abs() * neighbours
    total: Tensor = jumps.sum(dim=1)
    return total
