"""Adversarial perturbation: learn to be right also after the worst small step (Miyato et al. 2017)."""

import torch
from torch import Tensor


def worst_step(vectors: Tensor, gradient: Tensor, lengths: Tensor, size: float) -> Tensor:
    """Return r = size · s · g / ‖g‖ for each text, the step that raises the loss fastest (Miyato et al. 2017, eq. 4).

    `vectors` and `gradient` (batch, time, dim) are the embedded texts and the gradient of the loss there. The norm ‖g‖
    is over time and dim together. The scale s is the mean norm of the text's own token vectors. The paper fixes the
    scale by normalising the embedding instead.
    """
    norm = gradient.flatten(1).norm(dim=1).clamp_min(1e-12)
    real = torch.arange(vectors.shape[1], device=vectors.device) < lengths.unsqueeze(1)
    scale = (vectors.norm(dim=2) * real).sum(dim=1) / lengths
    step: Tensor = gradient * (size * scale / norm).view(-1, 1, 1)
    return step
