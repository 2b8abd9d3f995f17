"""What training minimises: one number from logits, targets and weights."""

import torch
from torch import Tensor
from torch.nn import functional


def cross_entropy(
    logits: Tensor, targets: Tensor, row_weights: Tensor, label_weights: Tensor, smoothing: float
) -> Tensor:
    """Return the weighted mean cross-entropy of single-label rows.

    logits (batch, labels); targets (batch,) int64; row_weights (batch,); label_weights (labels,). Smoothing moves that
    share of the target to all labels alike (Szegedy et al. 2016, sec. 7).
    """
    losses = functional.cross_entropy(logits.float(), targets, reduction="none", label_smoothing=smoothing)
    return _weighted_mean(losses, row_weights * label_weights[targets])


def binary_cross_entropy(
    logits: Tensor, targets: Tensor, row_weights: Tensor, label_weights: Tensor, smoothing: float
) -> Tensor:
    """Return the weighted mean over rows of the mean binary cross-entropy over labels; targets (batch, labels) 0 or 1.

    `label_weights` weigh a label's positive rows.
    """
    soft = targets * (1 - smoothing) + smoothing / 2
    losses = functional.binary_cross_entropy_with_logits(
        logits.float(), soft, pos_weight=label_weights, reduction="none"
    )
    return _weighted_mean(losses.mean(dim=1), row_weights)


def sequence_cross_entropy(
    logits: Tensor, targets: Tensor, row_weights: Tensor, label_weights: Tensor, smoothing: float
) -> Tensor:
    """Return the weighted mean over rows of the cross-entropy summed over the steps of a sequence of labels.

    logits (batch, steps, labels + 1), -inf for what cannot come; targets (batch, steps): labels, then `labels` for the
    end, then -1. A step counts as its label weighs, the end 1. Smoothing moves that share of the target to all symbols
    that can come, alike.
    """
    end = logits.shape[-1] - 1
    known = torch.log_softmax(logits.float(), dim=-1)
    possible = torch.isfinite(logits)
    symbols = torch.where(targets >= 0, targets, end)
    hit = known.gather(-1, symbols.unsqueeze(-1)).squeeze(-1)
    even = known.masked_fill(~possible, 0).sum(dim=-1) / possible.sum(dim=-1)
    losses = -(1 - smoothing) * hit - smoothing * even
    weights = functional.pad(label_weights, (0, 1), value=1.0)[symbols] * (targets >= 0)
    return _weighted_mean((losses * weights).sum(dim=1), row_weights)


def _weighted_mean(losses: Tensor, weights: Tensor) -> Tensor:
    return (losses * weights).sum() / weights.sum().clamp_min(torch.finfo(losses.dtype).tiny)
