"""Attention for queries that the caller brings: what a decoder does at every step."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from attnclf.attention.step import Step
from attnclf.catalog import ALIGNMENTS, CONTEXTS, SCORES
from attnclf.config import AttentionConfig


class Attending(nn.Module):
    """context(align(score(query, keys), keep, query), keys), with names looked up in the table.

    `dim` is the width of queries and keys, `max_length` the most keys there may be; `out_dim` is the width of a
    context.
    """

    def __init__(self, config: AttentionConfig, dim: int, max_length: int) -> None:
        super().__init__()
        score, align, join = SCORES[config.score], ALIGNMENTS[config.alignment], CONTEXTS[config.context]
        sizes = {"query": dim, "key": dim, "hidden": dim, "max_length": max_length}
        self.score, self.align, self.join = Step(score, sizes), Step(align, sizes), Step(join, sizes)
        self.window = config.window
        self.out_dim = dim * join.widths

    def forward(
        self,
        query: Float[Tensor, "batch q dim"],
        keys: Float[Tensor, "batch time dim"],
        keep: Bool[Tensor, "batch time"],
        position: int,
    ) -> tuple[Float[Tensor, "batch q out"], Float[Tensor, "batch q time"]]:
        """Return a context and the weights that made it for each query.

        `position` is the number of the decoder's step: where a monotonic window stands (Luong et al. 2015, local-m).
        """
        real = keep.unsqueeze(-2)
        weights = self.align(
            scores=self.score(query=query, keys=keys),
            keep=real,
            query=query,
            window=self.window,
            position=torch.full_like(query[..., 0], position),
            sampling=self.training,
        )
        return self.join(weights=weights, values=keys, keep=real), weights
