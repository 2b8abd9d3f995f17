"""How much what somebody says should count, so that the probabilities that come of it are those of the rows."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from attnclf.training import objectives

PULL = 5.0  # of the prior weights, in rows


def weigh(
    said: Sequence[Tensor], targets: NDArray[np.integer] | NDArray[np.floating], prior: Sequence[float]
) -> Tensor:
    """Return the weights (speakers,) under which Σ weight · logits makes the targets most likely.

    All logits are (rows, labels). The objective is the summed loss plus a pull of the logarithms of the weights
    towards the prior ones (`PULL`), so that they are positive and a few rows cannot carry them away. Fitted by
    validation rows, the weights make probabilities honest: that of a single speaker is 1 / temperature (Guo et al.
    2017, section 4.2).
    """
    true = torch.from_numpy(targets)
    several = targets.ndim == 2
    known = torch.ones(len(true), dtype=torch.bool) if several else true >= 0
    objective = objectives.binary_cross_entropy if several else objectives.cross_entropy
    rows, labels = int(known.sum()), said[0].shape[1]
    start = torch.log(torch.tensor(prior))
    logs = start.clone().requires_grad_()
    optimizer = torch.optim.LBFGS([logs], max_iter=100, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        mixed = sum(weight * logits[known] for weight, logits in zip(logs.exp(), said, strict=True))
        mean = objective(mixed, true[known], torch.ones(rows), torch.ones(labels), 0.0)
        total = rows * mean + PULL * (logs - start).square().sum()
        total.backward()  # type: ignore[no-untyped-call]
        return total

    optimizer.step(loss)  # type: ignore[no-untyped-call]
    return logs.detach().exp()
