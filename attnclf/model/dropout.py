"""Dropout (Srivastava et al. 2014) that draws eight decisions from one random number.

A CPU draws a number of its own for every element otherwise, which takes a tenth of a training step of a small network.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout

STEPS = 256  # of the probability: one byte decides


class Dropout(nn.Module):
    """Sets each element to zero with the probability `p`, to the nearest 1/256, and scales the others to keep the mean.

    Other devices than a CPU use torch's own.
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, values: Tensor) -> Tensor:
        """Return the values, some of them dropped while training."""
        least = round(STEPS * self.p)
        if values.device.type != "cpu" or least == STEPS:
            return dropout(values, self.p, self.training)
        if not self.training or least == 0:
            return values
        numbers = torch.empty(-(-values.numel() // 8), dtype=torch.int64).random_(-(2**63), None)
        bytes_ = numbers.view(torch.uint8)[: values.numel()].view(values.shape)
        # Compared into numbers: from truth values to numbers takes five times as long.
        kept = torch.ge(bytes_, least, out=torch.empty(values.shape, dtype=values.dtype))
        return values * kept.mul_(STEPS / (STEPS - least))

    def extra_repr(self) -> str:
        """Show the probability."""
        return f"p={self.p}"
