"""Attention that pools a sentence: one learned query over the hidden states."""

from jaxtyping import Bool, Float
from torch import Tensor, nn

from attnclf.attention.step import Step, weight
from attnclf.catalog import ALIGNMENTS, CONTEXTS, SCORES
from attnclf.config import AttentionConfig


class Pooling(nn.Module):
    """context(align(score(query, hidden), keep, query), hidden), with names looked up in the table.

    `dim` is the width of the hidden states, `max_length` the most positions they may have; `out_dim` is the width of
    the context.
    """

    def __init__(self, config: AttentionConfig, dim: int, max_length: int) -> None:
        super().__init__()
        score, align, join = SCORES[config.score], ALIGNMENTS[config.alignment], CONTEXTS[config.context]
        sizes = {"query": dim, "key": dim, "hidden": dim, "max_length": max_length}
        self.query = weight(1, dim) if "query" in score.inputs else None
        self.score, self.align, self.join = Step(score, sizes), Step(align, sizes), Step(join, sizes)
        self.alignment, self.window = config.alignment, config.window
        self.out_dim = dim * join.widths

    def forward(
        self, hidden: Float[Tensor, "batch time dim"], keep: Bool[Tensor, "batch time"]
    ) -> tuple[Float[Tensor, "batch out"], Float[Tensor, "batch time"], Float[Tensor, "batch time"]]:
        """Return the context (batch, out_dim), the weights (batch, time) that made it, and the scores behind these."""
        real = keep.unsqueeze(-2)
        scores = self.score(query=self.query, keys=hidden)
        weights = self.align(scores=scores, keep=real, query=self.query, window=self.window, sampling=self.training)
        context = self.join(weights=weights, values=hidden, keep=real)
        return context.squeeze(-2), weights.squeeze(-2), scores.squeeze(-2)
