"""Probabilities that mean what they say: the logits of a network divided by a temperature (Guo et al. 2017)."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from attnclf.training.weighing import weigh


def temper(
    network: nn.Module, said: Tensor, targets: NDArray[np.integer] | NDArray[np.floating]
) -> tuple[Tensor, float]:
    """Divide the logits of a network by the temperature that makes the targets most likely.

    `said` are its logits of validation rows (rows, labels); returned are the new ones, and the temperature. The
    division is done in the weights of the last dense layer, so that the graph stays what it is.
    """
    (weight,) = weigh([said], targets, [1.0])
    with torch.no_grad():
        network.get_submodule("dense").weight.mul_(weight)  # type: ignore[operator]
        network.get_submodule("dense").bias.mul_(weight)  # type: ignore[operator]
    return weight * said, float(1 / weight)
