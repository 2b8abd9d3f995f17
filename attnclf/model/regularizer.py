"""What keeps a parameter small: a penalty on the loss, and a constraint that holds after every step."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn


@dataclass(frozen=True, slots=True, kw_only=True)
class Regularizer:
    """Regularizes the parameter of this name; a network lists its regularizers under `regularizers`."""

    parameter: str
    l1: float = 0.0
    l2: float = 0.0
    constraint: Literal["none", "max-norm", "unit-norm", "non-negative"] = "none"
    max_norm: float = 2.0

    def penalty(self, network: nn.Module) -> Tensor:
        """Return l1 · Σ |p| + l2 · Σ p², to be added to the loss."""
        value = network.get_parameter(self.parameter)
        return self.l1 * value.abs().sum() + self.l2 * value.square().sum()

    @torch.no_grad()
    def constrain(self, network: nn.Module) -> None:
        """Move the parameter to the nearest value that the constraint allows; the norm is over all its numbers."""
        value = network.get_parameter(self.parameter)
        norm = value.norm().clamp_min(1e-12)  # all zeros stay so: no direction is nearest
        if self.constraint == "max-norm":
            value.mul_((self.max_norm / norm).clamp_max(1))
        elif self.constraint == "unit-norm":
            value.div_(norm)
        elif self.constraint == "non-negative":
            value.clamp_min_(0)


def regularizers(network: nn.Module) -> tuple[Regularizer, ...]:
    """Return the regularizers of a network, which may have none."""
    return tuple(getattr(network, "regularizers", ()))
