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


def _weighted_mean(losses: Tensor, weights: Tensor) -> Tensor:
    return (losses * weights).sum() / weights.sum().clamp_min(torch.finfo(losses.dtype).tiny)
