"""Attention that learns nothing: what a network makes of its states when the weights on them carry no knowledge.

Two controls. "uniform": every unit weighs the same, and the rest of the network is trained (Wiegreffe & Pinter 2019,
section 3.2). "frozen": what weighs the states stays as it was drawn, so that weights differ but never learned to (after
their section 4.3, where a network is trained under weights that it cannot change). The encoder below learns in both.
"""

from typing import Literal

import torch
from torch import nn


def hold(pooling: nn.Module, weights: Literal["frozen", "uniform"]) -> None:
    """Keep the parameters of query, score and alignment as they are, or at 0, where every score says 0 for all."""
    pooling.requires_grad_(False)
    if weights == "uniform":
        with torch.no_grad():
            for parameter in pooling.parameters():
                parameter.zero_()
