"""Step one of score → align → context: how well each key answers a query.

Pure functions of tensors. A query always has its own axis: one learned query pools a sentence (q = 1), a decoder has
one per step, self-attention one per token; heads are batch axes. A score that takes no query has one row of scores.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from attnclf.attention.positions import first


def temporal(
    keys: Float[Tensor, "*batch time key"], w: Float[Tensor, " key"], b: Float[Tensor, ""]
) -> Float[Tensor, "*batch 1 time"]:
    """Return tanh(w·h_t + b), the query-free score of temporal attention (Raffel & Ellis 2016, eq. 1 and sec. 2.2)."""
    return torch.tanh(_along(keys, w) + b).unsqueeze(-2)


def feed_forward(
    keys: Float[Tensor, "*batch time key"], w: Float[Tensor, " key"], b: Float[Tensor, " max_length"]
) -> Float[Tensor, "*batch 1 time"]:
    """Return tanh(w·h_t + b_t), with a bias for each position (Raffel & Ellis 2016; the Keras layer made after it).

    Raises ConfigError for more than max_length positions.
    """
    return torch.tanh(_along(keys, w) + first(b, keys.shape[-2])).unsqueeze(-2)


def additive(
    query: Float[Tensor, "*#batch q query"],
    keys: Float[Tensor, "*batch time key"],
    w_query: Float[Tensor, "hidden query"],
    w_key: Float[Tensor, "hidden key"],
    v: Float[Tensor, " hidden"],
) -> Float[Tensor, "*batch q time"]:
    """Return vᵀ tanh(W q + U k) for each query and key (Bahdanau et al. 2015, appendix A.1.2)."""
    joint = (query @ w_query.T).unsqueeze(-2) + (keys @ w_key.T).unsqueeze(-3)
    return torch.tanh(joint) @ v


def dot(
    query: Float[Tensor, "*#batch q key"], keys: Float[Tensor, "*batch time key"]
) -> Float[Tensor, "*batch q time"]:
    """Return qᵀk (Luong et al. 2015, section 3.1, dot)."""
    return query @ keys.transpose(-1, -2)


def scaled_dot(
    query: Float[Tensor, "*#batch q key"], keys: Float[Tensor, "*batch time key"]
) -> Float[Tensor, "*batch q time"]:
    """Return qᵀk / √d, d the width of a key (Vaswani et al. 2017, eq. 1)."""
    return dot(query / keys.shape[-1] ** 0.5, keys)  # dividing first keeps half precision from overflowing


def general(
    query: Float[Tensor, "*#batch q query"], keys: Float[Tensor, "*batch time key"], w: Float[Tensor, "query key"]
) -> Float[Tensor, "*batch q time"]:
    """Return qᵀ W k (Luong et al. 2015, section 3.1, general)."""
    return dot(query @ w, keys)


def biased_general(
    query: Float[Tensor, "*#batch q query"],
    keys: Float[Tensor, "*batch time key"],
    w: Float[Tensor, "query key"],
    u: Float[Tensor, " key"],
) -> Float[Tensor, "*batch q time"]:
    """Return qᵀ W k + uᵀk: a match with the query, plus an importance of its own (Sordoni et al. 2016)."""
    return dot(query @ w + u, keys)


def location(
    query: Float[Tensor, "*#batch q query"],
    keys: Float[Tensor, "*batch time key"],
    w: Float[Tensor, "max_length query"],
) -> Float[Tensor, "*batch q time"]:
    """Return W q, one number for each position, independent of the key (Luong et al. 2015, eq. 8).

    Raises ConfigError for more than max_length positions.
    """
    scores = query @ first(w, keys.shape[-2]).T
    return scores.expand(*keys.shape[:-2], *scores.shape[-2:])


def cosine(
    query: Float[Tensor, "*#batch q key"], keys: Float[Tensor, "*batch time key"], log_sharpness: Float[Tensor, ""]
) -> Float[Tensor, "*batch q time"]:
    """Return β cos(q, k) with the learned sharpness β = exp(log_sharpness) > 0 (Graves et al. 2014, eqs. 5 and 6).

    A key of zeros scores 0.
    """
    return (log_sharpness.exp() * dot(_unit(query), _unit(keys))).to(keys.dtype)


def _unit(vectors: Float[Tensor, "*batch n dim"]) -> Float[Tensor, "*batch n dim"]:
    """Return the vectors at length 1, and zeros as they are, in at least single precision.

    Squares overflow in half precision. The bound that other implementations put on the length instead gives a vector
    of zeros a gradient of 1e12.
    """
    wide = vectors.to(torch.promote_types(vectors.dtype, torch.float32))
    length = torch.linalg.vector_norm(wide, dim=-1, keepdim=True)
    unit: Tensor = wide / length.masked_fill(length == 0, 1.0)
    return unit


def _along(vectors: Float[Tensor, "*batch n dim"], w: Float[Tensor, " dim"]) -> Float[Tensor, "*batch n"]:
    """Return w · v for each vector.

    A matrix of one column, for ONNX Runtime takes a product with a vector row by row: ten times as long.
    """
    return (vectors @ w.unsqueeze(-1)).squeeze(-1)
