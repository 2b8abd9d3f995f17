"""Step two of score → align → context: scores become weights over real tokens.

`keep` is True at real tokens. Padding gets exactly 0; a row of only padding is all zero, never NaN. Other rows sum to
1, except those of `local_p`, which its paper damps. Positions count real tokens only, from 0, so that padding on
either side changes nothing.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor


def global_softmax(
    scores: Float[Tensor, "*batch q time"], keep: Bool[Tensor, "*#batch 1 time"]
) -> Float[Tensor, "*batch q time"]:
    """Return the softmax over all real positions (Luong et al. 2015, eq. 7)."""
    return _softmax(scores, keep)


def local_m(
    scores: Float[Tensor, "*batch q time"],
    keep: Bool[Tensor, "*#batch 1 time"],
    window: int,
    position: Float[Tensor, "*#batch q"] | None = None,
) -> Float[Tensor, "*batch q time"]:
    """Return the softmax over positions at most `window` away from each query's own (Luong et al. 2015, local-m).

    Without `position`, the i-th of several queries has position i, and a single query the middle of the text.
    A position outside the text is moved to its nearest end.
    """
    rank, last = _places(scores, keep)
    if position is None:
        alone = scores.shape[-2] == 1
        own = last / 2 if alone else torch.arange(scores.shape[-2], device=last.device, dtype=last.dtype).unsqueeze(-1)
    else:
        own = position.to(last.dtype).unsqueeze(-1)
    own = torch.minimum(own.clamp_min(0), last)
    return _softmax(scores, keep & ((rank - own).abs() <= window))


def local_p(
    scores: Float[Tensor, "*batch q time"],
    keep: Bool[Tensor, "*#batch 1 time"],
    query: Float[Tensor, "*#batch q query"],
    window: int,
    w_p: Float[Tensor, "hidden query"],
    v_p: Float[Tensor, " hidden"],
) -> Float[Tensor, "*batch q time"]:
    """Return the softmax within `window` D of p = T sigmoid(v_pᵀ tanh(W_p q)), times exp(-(s - p)² / (2 (D/2)²)).

    Luong et al. 2015, eqs. 9 and 10 of section 3.2, T the number of real tokens. As there, the weights are not scaled
    up again after the damping: they sum to at most 1.
    """
    rank, last = _places(scores, keep)
    own = (last + 1) * torch.sigmoid(torch.tanh(query @ w_p.T) @ v_p).to(last.dtype).unsqueeze(-1)
    distance = rank - own
    weights = _softmax(scores, keep & (distance.abs() <= window))
    return (weights * torch.exp(-(distance**2) / (2 * (window / 2) ** 2))).to(scores.dtype)


def hard(
    scores: Float[Tensor, "*batch q time"], keep: Bool[Tensor, "*#batch 1 time"], sampling: bool = False
) -> Float[Tensor, "*batch q time"]:
    """Return all weight on one real position: the best one, or with `sampling` one drawn from the softmax.

    Draws come from torch's generator, so that a seed repeats them. A drawn position receives the gradient of the
    softmax it was drawn from, straight through (Jang et al. 2017, section 2.2, temperature 1); the best one has none.
    """
    if not sampling:
        return _one_hot(scores, keep)
    uniform = torch.empty(scores.shape, device=scores.device, dtype=torch.float32).exponential_()
    drawn = scores - uniform.log()  # Gumbel noise, in at least single precision
    soft = _softmax(drawn, keep)
    return (_one_hot(drawn, keep) + (soft - soft.detach())).to(scores.dtype)


def sparsemax(
    scores: Float[Tensor, "*batch q time"], keep: Bool[Tensor, "*#batch 1 time"]
) -> Float[Tensor, "*batch q time"]:
    """Return the point of the simplex nearest to the scores, exactly (Martins & Astudillo 2016, algorithm 1)."""
    below = _below_best(scores, keep)
    falling = below.sort(dim=-1, descending=True).values
    total = falling.cumsum(dim=-1)
    count = torch.arange(1, scores.shape[-1] + 1, device=scores.device, dtype=below.dtype)
    support = (1 + count * falling > total).sum(dim=-1, keepdim=True)
    threshold = (total.gather(-1, support - 1) - 1) / support
    return (below - threshold).clamp_min(0).masked_fill(~keep, 0).to(scores.dtype)


def entmax15(
    scores: Float[Tensor, "*batch q time"], keep: Bool[Tensor, "*#batch 1 time"]
) -> Float[Tensor, "*batch q time"]:
    """Return the 1.5-entmax, between softmax and sparsemax, exactly (Peters et al. 2019, algorithm 2)."""
    below = _below_best(scores / 2, keep)
    falling = below.sort(dim=-1, descending=True).values
    count = torch.arange(1, scores.shape[-1] + 1, device=scores.device, dtype=below.dtype)
    mean = falling.cumsum(dim=-1) / count
    spread = (falling**2).cumsum(dim=-1) - count * mean**2
    # Not down to 0, where the gradient of the root is infinite and becomes NaN, even of a threshold that is not chosen.
    thresholds = mean - ((1 - spread) / count).clamp_min(1e-9).sqrt()
    # They rise up to that of all scores that get weight; each one behind it is above its own score.
    threshold = thresholds.masked_fill(thresholds > falling, -torch.inf).amax(dim=-1, keepdim=True)
    return ((below - threshold).clamp_min(0) ** 2).masked_fill(~keep, 0).to(scores.dtype)


def _softmax(
    scores: Float[Tensor, "*batch q time"], real: Bool[Tensor, "*#batch #q time"]
) -> Float[Tensor, "*batch q time"]:
    """Return the softmax over the positions where `real` is True, which may differ from query to query."""
    weights = torch.softmax(scores.masked_fill(~real, torch.finfo(scores.dtype).min), dim=-1)
    return weights.masked_fill(~real, 0.0)


def _places(
    scores: Float[Tensor, "*batch q time"], keep: Bool[Tensor, "*#batch 1 time"]
) -> tuple[Float[Tensor, "*#batch 1 time"], Float[Tensor, "*#batch 1 1"]]:
    """Return each real token's position among the real ones and the last such position, in at least single precision.

    Half precision cannot tell positions above 2048 apart.
    """
    wide = torch.promote_types(scores.dtype, torch.float32)
    rank = keep.long().cumsum(dim=-1) - 1
    return rank.to(wide), (keep.sum(dim=-1, keepdim=True) - 1).to(wide)


def _one_hot(
    scores: Float[Tensor, "*batch q time"], keep: Bool[Tensor, "*#batch 1 time"]
) -> Float[Tensor, "*batch q time"]:
    """Return 1 at the first of the best real positions and 0 elsewhere."""
    best = scores.detach().masked_fill(~keep, torch.finfo(scores.dtype).min).argmax(dim=-1, keepdim=True)
    place = torch.arange(scores.shape[-1], device=scores.device)
    return ((place == best) & keep).to(scores.dtype)


def _below_best(
    scores: Float[Tensor, "*batch q time"], keep: Bool[Tensor, "*#batch 1 time"]
) -> Float[Tensor, "*batch q time"]:
    """Return how far each score is below the best real one, at most 2, in at least single precision; padding 2.

    A sparse alignment gives nothing to what is 1 or more below the best, so the bound changes no weight, and sums over
    any number of scores stay small.
    """
    wide = scores.to(torch.promote_types(scores.dtype, torch.float32))
    best = wide.detach().masked_fill(~keep, torch.finfo(wide.dtype).min).amax(dim=-1, keepdim=True)
    return (wide - best).masked_fill(~keep, -2.0).clamp_min(-2.0)
