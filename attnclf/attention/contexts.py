"""Step three of score → align → context: weights and values become one vector per query."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor


def soft(
    weights: Float[Tensor, "*batch q time"],
    values: Float[Tensor, "*batch time value"],
    keep: Bool[Tensor, "*#batch 1 time"],
) -> Float[Tensor, "*batch q value"]:
    """Return the mean of the values under the weights (Bahdanau et al. 2015, eq. 5)."""
    return weights @ values


def hard(
    weights: Float[Tensor, "*batch q time"],
    values: Float[Tensor, "*batch time value"],
    keep: Bool[Tensor, "*#batch 1 time"],
) -> Float[Tensor, "*batch q value"]:
    """Return the value at the one position that has all the weight (Xu et al. 2015, section 4.1).

    A product, not a lookup, so that the gradient of a sampled position reaches the scores of all positions.
    """
    return weights @ values


def soft_and_max(
    weights: Float[Tensor, "*batch q time"],
    values: Float[Tensor, "*batch time value"],
    keep: Bool[Tensor, "*#batch 1 time"],
) -> Float[Tensor, "*batch q twice_value"]:
    """Return the soft context next to the maximum of the values over real positions.

    The maximum notices one strong sign that the mean dilutes (Adhikari et al. 2019 pool this way alone).
    """
    lowest = torch.finfo(values.dtype).min
    peak = values.masked_fill(~keep.transpose(-1, -2), lowest).amax(dim=-2, keepdim=True)
    mean = weights @ values
    return torch.cat([mean, peak.expand_as(mean)], dim=-1)
