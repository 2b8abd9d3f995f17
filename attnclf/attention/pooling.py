"""Attention that pools a sentence: one learned query over the hidden states."""

from jaxtyping import Bool, Float
from torch import Tensor, nn

from attnclf.attention.modules import weight
from attnclf.attention.table import ALIGNMENTS, CONTEXTS, SCORES


class Pooling(nn.Module):
    """context(align(score(query, hidden), keep), hidden), with names looked up in the table.

    `out_dim` is the width of the context.
    """

    def __init__(self, score: str, alignment: str, context: str, dim: int) -> None:
        super().__init__()
        row = SCORES[score]
        self.query = weight(1, row.query_dim(dim)) if row.query_dim(dim) else None
        self.score = row.build(dim)
        self.align = ALIGNMENTS[alignment].align
        self.join = CONTEXTS[context].join
        self.out_dim = dim * CONTEXTS[context].widths

    def forward(
        self, hidden: Float[Tensor, "batch time dim"], keep: Bool[Tensor, "batch time"]
    ) -> tuple[Float[Tensor, "batch out"], Float[Tensor, "batch time"]]:
        """Return the context (batch, out_dim) and the weights (batch, time) that made it."""
        real = keep.unsqueeze(-2)
        query = hidden[:, :1] if self.query is None else self.query  # a query-free score looks at neither
        weights = self.align(self.score(query, hidden), real)
        return self.join(weights, hidden, real).squeeze(-2), weights.squeeze(-2)
