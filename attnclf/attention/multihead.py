"""Several attentions side by side, each in its own subspace: the algebra with heads as a batch axis."""

from jaxtyping import Bool, Float
from torch import Tensor, nn

from attnclf.attention import alignments, contexts, scores


def split(vectors: Float[Tensor, "batch time dim"], heads: int) -> Float[Tensor, "batch heads time width"]:
    """Cut each vector into `heads` parts of equal width."""
    return vectors.reshape(*vectors.shape[:-1], heads, vectors.shape[-1] // heads).transpose(-2, -3)


def joined(parts: Float[Tensor, "batch heads time width"]) -> Float[Tensor, "batch time dim"]:
    """Lay the parts of each vector side by side again."""
    return parts.transpose(-2, -3).flatten(-2)


class MultiHead(nn.Module):
    """Concat(head_1, …, head_h) W, head_i = attention(Q W_i, K W_i', V W_i'') (Vaswani et al. 2017, section 3.2.2).

    Each head scores by the scaled dot product and aligns by the softmax over real keys. `dim` is the width of queries,
    keys and results; `heads` must divide it. Dropout falls on the weights, not on those that are returned.
    """

    def __init__(self, dim: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.out = (nn.Linear(dim, dim) for _ in range(4))
        for projection in (self.query, self.key, self.value, self.out):
            nn.init.xavier_uniform_(projection.weight)
            nn.init.zeros_(projection.bias)
        self.dropout = nn.Dropout(dropout)

    def forward(
        self,
        queries: Float[Tensor, "batch q dim"],
        keys: Float[Tensor, "batch time dim"],
        keep: Bool[Tensor, "batch time"],
    ) -> tuple[Float[Tensor, "batch q dim"], Float[Tensor, "batch heads q time"]]:
        """Return what each query gathered from the keys, which are the values too, and the weights of each head."""
        real = keep.unsqueeze(-2).unsqueeze(-3)
        scored = scores.scaled_dot(split(self.query(queries), self.heads), split(self.key(keys), self.heads))
        weights = alignments.global_softmax(scored, real)
        gathered = contexts.soft(self.dropout(weights), split(self.value(keys), self.heads), real)
        return self.out(joined(gathered)), weights
