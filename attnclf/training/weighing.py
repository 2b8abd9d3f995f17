"""How much what somebody says should count, so that the probabilities that come of it are those of the rows."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from attnclf.evaluation.drawn import enough

PULL = 5.0  # of the prior weights, in rows
FURTHEST = 10.0  # of the logarithm of a weight from that of its prior: the search tries steps whose exp is infinite


def weigh(
    said: Sequence[Tensor], targets: NDArray[np.integer] | NDArray[np.floating], prior: Sequence[float]
) -> Tensor:
    """Return the weights (speakers,) under which Σ weight · logits makes the targets most likely.

    All logits are (rows, labels). The objective is the summed loss plus a pull of the logarithms of the weights
    towards the prior ones (`PULL`), so that they are positive and a few rows cannot carry them away. Fitted by
    validation rows, the weights make probabilities honest: that of a single speaker is 1 / temperature (Guo et al.
    2017, section 4.2).
    """
    some = enough(*said[0].shape)
    said, targets = [one[some] for one in said], targets[some]
    start = torch.log(torch.tensor(prior))
    least, most = start - FURTHEST, start + FURTHEST
    logs = start.clone().requires_grad_()
    optimizer = torch.optim.LBFGS([logs], max_iter=100, line_search_fn="strong_wolfe")

    def step() -> Tensor:
        optimizer.zero_grad()
        mixed = torch.stack(
            [weight * logits for weight, logits in zip(logs.clamp(least, most).exp(), said, strict=True)]
        ).sum(dim=0)
        total = loss(mixed, targets) + PULL * (logs - start).square().sum()
        total.backward()  # type: ignore[no-untyped-call]
        return total

    optimizer.step(step)  # type: ignore[no-untyped-call]
    return logs.detach().clamp(least, most).exp()


def loss(logits: Tensor, targets: NDArray[np.integer] | NDArray[np.floating]) -> Tensor:
    """Return the summed loss of the rows with known labels, its mean over labels where a row has several.

    `logits` are (rows, labels).
    """
    true = torch.from_numpy(targets)
    if targets.ndim == 2:
        return functional.binary_cross_entropy_with_logits(logits, true, reduction="sum") / logits.shape[1]
    return functional.cross_entropy(logits, true, ignore_index=-1, reduction="sum")
