"""Weights of logits that make probabilities honest: of network and n-grams, or of one network (its temperature)."""

import copy
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from attnclf.evaluation.thresholds import sample_rows

PULL = 5.0  # of the prior weights, in rows
FURTHEST = 10.0  # of the logarithm of a weight from that of its prior: the search tries steps whose exp is infinite


def fit_logit_weights(
    logits: Sequence[Tensor], targets: NDArray[np.integer] | NDArray[np.floating], prior: Sequence[float]
) -> Tensor:
    """Return the weights (models,) under which Σ weight · logits makes the targets most likely.

    Each model has logits (rows, labels). The objective is the summed loss plus a pull of the logarithms of the weights
    towards the prior ones (`PULL`). So the weights are positive, and a few rows cannot carry them away. The weight of a
    single model is 1 / temperature (Guo et al. 2017, section 4.2).
    """
    some = sample_rows(*logits[0].shape)
    logits, targets = [one[some] for one in logits], targets[some]
    start = torch.log(torch.tensor(prior))
    least, most = start - FURTHEST, start + FURTHEST
    logs = start.clone().requires_grad_()
    optimizer = torch.optim.LBFGS([logs], max_iter=100, line_search_fn="strong_wolfe")

    def step() -> Tensor:
        optimizer.zero_grad()
        weights = logs.clamp(least, most).exp()
        mixed = torch.stack([weight * one for weight, one in zip(weights, logits, strict=True)]).sum(dim=0)
        total = loss(mixed, targets) + PULL * (logs - start).square().sum()
        total.backward()  # type: ignore[no-untyped-call]
        return total

    optimizer.step(step)  # type: ignore[no-untyped-call]
    return logs.detach().clamp(least, most).exp()


def scale_temperature(
    network: nn.Module, logits: Tensor, targets: NDArray[np.integer] | NDArray[np.floating]
) -> tuple[nn.Module, Tensor, float]:
    """Return a network with its logits divided by the temperature that makes the targets most likely.

    `logits` are those of the validation rows (rows, labels); returned are the new ones too, and the temperature. The
    division is done in the weights of the last dense layer, so that the graph stays what it is.
    """
    (weight,) = fit_logit_weights([logits], targets, [1.0])
    network = copy.deepcopy(network)
    with torch.no_grad():
        network.get_submodule("dense").weight.mul_(weight)  # type: ignore[operator]
        network.get_submodule("dense").bias.mul_(weight)  # type: ignore[operator]
    return network, weight * logits, float(1 / weight)


def loss(logits: Tensor, targets: NDArray[np.integer] | NDArray[np.floating]) -> Tensor:
    """Return the summed loss of the rows with known labels, its mean over labels where a row has several.

    `logits` are (rows, labels).
    """
    true = torch.from_numpy(targets)
    if targets.ndim == 2:
        return functional.binary_cross_entropy_with_logits(logits, true, reduction="sum") / logits.shape[1]
    return functional.cross_entropy(logits, true, ignore_index=-1, reduction="sum")
