"""Parameters for the scores that have some: thin modules, the formulas are in `scores`."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from attnclf.attention import scores


def weight(*shape: int) -> nn.Parameter:
    """Return a Glorot-uniform parameter; a vector is treated as a matrix with one row."""
    matrix = torch.empty(shape if len(shape) > 1 else (1, *shape))
    return nn.Parameter(nn.init.xavier_uniform_(matrix).reshape(shape))


class Temporal(nn.Module):
    """Holds w and b of `scores.temporal`."""

    def __init__(self, key_dim: int) -> None:
        super().__init__()
        self.w = weight(key_dim)
        self.b = nn.Parameter(torch.zeros(()))

    def forward(
        self, query: Float[Tensor, "*#batch q query_dim"], keys: Float[Tensor, "*batch time dim"]
    ) -> Float[Tensor, "*batch 1 time"]:
        """Score the keys; the query is not looked at."""
        return scores.temporal(keys, self.w, self.b)


class Additive(nn.Module):
    """Holds W, U and v of `scores.additive`."""

    def __init__(self, query_dim: int, key_dim: int, hidden: int) -> None:
        super().__init__()
        self.w_query = weight(hidden, query_dim)
        self.w_key = weight(hidden, key_dim)
        self.v = weight(hidden)

    def forward(
        self, query: Float[Tensor, "*#batch q query_dim"], keys: Float[Tensor, "*batch time key_dim"]
    ) -> Float[Tensor, "*batch q time"]:
        """Score each key for each query."""
        return scores.additive(query, keys, self.w_query, self.w_key, self.v)
