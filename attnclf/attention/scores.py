"""Step one of score → align → context: how well each key answers a query.

Pure functions of tensors. A query always has its own axis: one learned query pools a sentence (q = 1).
"""

import torch
from jaxtyping import Float
from torch import Tensor


def temporal(
    keys: Float[Tensor, "*batch time dim"], w: Float[Tensor, " dim"], b: Float[Tensor, ""]
) -> Float[Tensor, "*batch 1 time"]:
    """Return tanh(w·h_t + b), the query-free score of temporal attention (Raffel & Ellis 2016, eq. 1 and sec. 2.2)."""
    return torch.tanh(keys @ w + b).unsqueeze(-2)


def additive(
    query: Float[Tensor, "*#batch q query_dim"],
    keys: Float[Tensor, "*batch time key_dim"],
    w_query: Float[Tensor, "hidden query_dim"],
    w_key: Float[Tensor, "hidden key_dim"],
    v: Float[Tensor, " hidden"],
) -> Float[Tensor, "*batch q time"]:
    """Return vᵀ tanh(W q + U k) for each query and key (Bahdanau et al. 2015, appendix A.1.2)."""
    joint = (query @ w_query.T).unsqueeze(-2) + (keys @ w_key.T).unsqueeze(-3)
    return torch.tanh(joint) @ v


def dot(
    query: Float[Tensor, "*#batch q key"], keys: Float[Tensor, "*batch time key"]
) -> Float[Tensor, "*batch q time"]:
    """Return qᵀk (Luong et al. 2015, eq. 8, dot)."""
    return query @ keys.transpose(-1, -2)


def scaled_dot(
    query: Float[Tensor, "*#batch q key"], keys: Float[Tensor, "*batch time key"]
) -> Float[Tensor, "*batch q time"]:
    """Return qᵀk / √d, d the width of a key (Vaswani et al. 2017, eq. 1)."""
    return dot(query / keys.shape[-1] ** 0.5, keys)  # dividing first keeps half precision from overflowing
