"""Attention over features: a gate in 0 to 1 for each entry of a dense vector, which is multiplied by it."""

import torch
from jaxtyping import Float
from torch import Tensor


def softmax_gate(
    x: Float[Tensor, "*batch features"], w: Float[Tensor, "features features"], b: Float[Tensor, " features"]
) -> Float[Tensor, "*batch features"]:
    """Return softmax(W x + b): gates that share 1 between all features."""
    return torch.softmax(x @ w.T + b, dim=-1)


def sigmoid_gate(
    hidden: Float[Tensor, "*batch hidden"], w: Float[Tensor, "hidden hidden"], b: Float[Tensor, " hidden"]
) -> Float[Tensor, "*batch hidden"]:
    """Return σ(W h + b): each gate opens for itself (as in the gated units of Dauphin et al. 2017, eq. 1)."""
    return torch.sigmoid(hidden @ w.T + b)


def let_through(
    gates: Float[Tensor, "*batch hidden"], w: Float[Tensor, "hidden features"]
) -> Float[Tensor, "*batch features"]:
    """Return how much of each feature passes through all hidden units, Σ_j g_j |w_ji|.

    `gates` are those of the hidden units, 0 for one that is off; `w` are the weights that lead to them.
    """
    return gates @ w.abs()


def openness(
    gates: Float[Tensor, "*batch hidden"], w: Float[Tensor, "hidden features"]
) -> Float[Tensor, "*batch features"]:
    """Return the openness of each feature, 0 to 1: Σ_j g_j |w_ji| / Σ_j |w_ji|, of the same arguments."""
    return let_through(gates, w) / w.abs().sum(dim=0).clamp_min(torch.finfo(w.dtype).tiny)
