"""Probabilities that mean what they say: the logits of a network divided by a temperature (Guo et al. 2017)."""

import copy

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from attnclf.training.weighing import weigh


def temper(
    network: nn.Module, said: Tensor, targets: NDArray[np.integer] | NDArray[np.floating]
) -> tuple[nn.Module, Tensor, float]:
    """Return a network with its logits divided by the temperature that makes the targets most likely.

    `said` are its logits of validation rows (rows, labels); returned are the new ones too, and the temperature. The
    division is done in the weights of the last dense layer, so that the graph stays what it is.
    """
    (weight,) = weigh([said], targets, [1.0])
    network = copy.deepcopy(network)
    with torch.no_grad():
        network.get_submodule("dense").weight.mul_(weight)  # type: ignore[operator]
        network.get_submodule("dense").bias.mul_(weight)  # type: ignore[operator]
    return network, weight * said, float(1 / weight)
