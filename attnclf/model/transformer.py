"""Vectors → hidden states without recurrence: every token queries all tokens (Vaswani et al. 2017, section 3.1)."""

from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from attnclf.attention.multihead import MultiHead
from attnclf.attention.positions import first
from attnclf.config import TransformerConfig
from attnclf.model.encoder import Encoder
from attnclf.model.output import Encoded


def sinusoids(time: int, dim: int) -> Float[Tensor, "time dim"]:
    """Return sin(t / 10000^(2i / dim)) in column 2i and the cosine in column 2i + 1 (Vaswani et al. 2017, sec. 3.5)."""
    column = torch.arange(dim)
    angle = torch.arange(time).unsqueeze(1) / 10_000 ** ((column - column % 2) / dim)
    return torch.where(column % 2 == 0, angle.sin(), angle.cos())


class Positions(nn.Module):
    """Vectors of positions, added to those of tokens: attention itself ignores their order.

    A row for each of `max_length` positions: fixed sinusoids, or learned ones, which begin near zero.
    """

    rows: Tensor

    def __init__(self, kind: Literal["sinusoidal", "learned"], dim: int, max_length: int) -> None:
        super().__init__()
        if kind == "learned":
            self.rows = nn.Parameter(nn.init.normal_(torch.empty(max_length, dim), std=0.02))
        else:
            self.register_buffer("rows", sinusoids(max_length, dim), persistent=False)

    def forward(self, vectors: Float[Tensor, "batch time dim"]) -> Float[Tensor, "batch time dim"]:
        """Add the rows of the positions 0, 1, … Raises ConfigError for more than max_length of them."""
        return vectors + first(self.rows, vectors.shape[1])


class Layer(nn.Module):
    """Self-attention, then two dense layers at each position; both are added to what they read.

    The norm comes before each of the two, not after as in the paper: training then needs no long warm-up (Xiong et al.
    2020).
    """

    def __init__(self, dim: int, heads: int, inner: int, dropout: float) -> None:
        super().__init__()
        self.attention = MultiHead(dim, heads, dropout)
        self.attention_norm, self.dense_norm = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.dense = nn.Sequential(nn.Linear(dim, inner), nn.ReLU(), nn.Dropout(dropout), nn.Linear(inner, dim))
        self.dropout = nn.Dropout(dropout)

    def forward(
        self, states: Float[Tensor, "batch time dim"], keep: Bool[Tensor, "batch time"]
    ) -> tuple[Float[Tensor, "batch time dim"], Float[Tensor, "batch heads time time"]]:
        """Return the new states and the attention of each head."""
        normal = self.attention_norm(states)
        gathered, weights = self.attention(normal, normal, keep)
        states = states + self.dropout(gathered)
        return states + self.dropout(self.dense(self.dense_norm(states))), weights


class SelfAttention(nn.Module):
    """A stack of layers over vectors of width `dim`; `out_dim` is the width of its states.

    Vectors are multiplied by `scale` before positions are added. No text may be longer than `max_length` unless
    positions are "none".
    """

    def __init__(self, config: TransformerConfig, dim: int, max_length: int, scale: float) -> None:
        super().__init__()
        self.out_dim = dim
        self.scale = scale
        self.positions = None if config.positions == "none" else Positions(config.positions, dim, max_length)
        self.layers = nn.ModuleList(
            Layer(dim, config.heads, config.inner, config.dropout) for _ in range(config.layers)
        )
        self.norm = nn.LayerNorm(dim)

    def forward(self, vectors: Float[Tensor, "batch time dim"], lengths: Int[Tensor, " batch"]) -> Encoded:
        """Return the states of the last layer, and as self_attention the weights (batch, layers, heads, time, time)."""
        keep = torch.arange(vectors.shape[1], device=vectors.device) < lengths.unsqueeze(1)
        states = vectors * self.scale
        if self.positions is not None:
            states = self.positions(states)
        drawn = []
        for layer in self.layers:
            states, weights = layer(states, keep)
            drawn.append(weights)
        if self.training:
            return Encoded(self.norm(states))  # nobody looks, and the copy of all weights is large
        return Encoded(self.norm(states), {"self_attention": torch.stack(drawn, dim=1) * keep[:, None, None, :, None]})


class RecurrentSelfAttention(nn.Module):
    """A recurrent encoder with self-attention over its states."""

    def __init__(self, recurrent: Encoder, attending: SelfAttention) -> None:
        super().__init__()
        self.recurrent = recurrent
        self.attending = attending
        self.out_dim = attending.out_dim

    def forward(self, vectors: Float[Tensor, "batch time dim"], lengths: Int[Tensor, " batch"]) -> Encoded:
        """Run one after the other."""
        encoded: Encoded = self.attending(self.recurrent(vectors, lengths).states, lengths)
        return encoded
