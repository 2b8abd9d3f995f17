"""Step two of score → align → context: scores become weights that sum to 1 over real tokens.

`keep` is True at real tokens. Padding gets exactly 0; a row of only padding is all zero, never NaN.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor


def global_softmax(
    scores: Float[Tensor, "*batch q time"], keep: Bool[Tensor, "*#batch 1 time"]
) -> Float[Tensor, "*batch q time"]:
    """Return the softmax over all real positions (Luong et al. 2015, eq. 7)."""
    weights = torch.softmax(scores.masked_fill(~keep, torch.finfo(scores.dtype).min), dim=-1)
    return weights.masked_fill(~keep, 0.0)
