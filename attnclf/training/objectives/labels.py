"""The loss of the labels: one number from logits, targets and weights."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
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


@dataclass(frozen=True, slots=True)
class LabelLoss:
    """The loss that the form of the targets asks for: one label a row, several, or a sequence of labels.

    `label_weights` is (labels,); `smoothing` is the share of a target that all labels get.
    """

    function: Callable[[Tensor, Tensor, Tensor, Tensor, float], Tensor]
    label_weights: Tensor
    smoothing: float

    @classmethod
    def of(cls, *, sequential: bool, multi_label: bool, label_weights: Tensor, smoothing: float) -> "LabelLoss":
        """Choose the loss."""
        several = binary_cross_entropy if multi_label else cross_entropy
        return cls(sequence_cross_entropy if sequential else several, label_weights, smoothing)

    def __call__(self, logits: Tensor, targets: Tensor, row_weights: Tensor) -> Tensor:
        """Return the weighted mean over rows, a scalar; `row_weights` is (batch,)."""
        return self.function(logits, targets, row_weights, self.label_weights, self.smoothing)

    @property
    def unweighted(self) -> "LabelLoss":
        """The same for validation: labels have equal weights, targets are not smoothed."""
        return replace(self, label_weights=torch.ones_like(self.label_weights), smoothing=0.0)

    def logits(self, network: nn.Module, vectors: Tensor, lengths: Tensor, targets: Tensor) -> Tensor:
        """Return the logits that are compared with the targets; a label decoder reads the targets step by step."""
        if self.function is sequence_cross_entropy:
            taught: Tensor = network.teach(vectors, lengths, targets)  # type: ignore[operator]
            return taught
        logits: Tensor = network.classify(vectors, lengths).logits  # type: ignore[operator]
        return logits
