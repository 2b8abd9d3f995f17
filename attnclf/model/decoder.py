"""One step of a decoder with attention: the label emitted last → what could come next, and where it looked.

Two styles from two papers, side by side. In both the queries have their axis: while a text is searched with several
hypotheses, they are the queries, and the text's states are not copied.
"""

from typing import Literal, NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from attnclf.attention.attending import Attending
from attnclf.model.encoder import initialise

CELLS: dict[str, type[nn.LSTMCell] | type[nn.GRUCell]] = {"lstm": nn.LSTMCell, "gru": nn.GRUCell}

State = tuple[Tensor, ...]  # what a decoder remembers between steps, each (batch, q, width); its hidden state first


class Step(NamedTuple):
    """What a step returns: logits of the next symbol (batch, q, symbols), the new state, weights (batch, q, time)."""

    logits: Tensor
    state: State
    weights: Tensor


class Cell(nn.Module):
    """One step of an LSTM or a GRU."""

    def __init__(self, cell: Literal["lstm", "gru"], in_dim: int, hidden: int) -> None:
        super().__init__()
        self.rnn: nn.LSTMCell | nn.GRUCell = CELLS[cell](in_dim, hidden)
        initialise(self.rnn, cell)

    def start(self, hidden: Float[Tensor, "batch q hidden"]) -> State:
        """Return the state that begins with this hidden state, and an LSTM's empty memory."""
        return (hidden, torch.zeros_like(hidden)) if isinstance(self.rnn, nn.LSTMCell) else (hidden,)

    def forward(self, inputs: Float[Tensor, "batch q in"], state: State) -> State:
        """Return the state after reading the inputs."""
        flat = inputs.flatten(0, 1)
        if isinstance(self.rnn, nn.LSTMCell):
            hidden, memory = state
            after = self.rnn(flat, (hidden.flatten(0, 1), memory.flatten(0, 1)))
        else:
            after = (self.rnn(flat, state[0].flatten(0, 1)),)
        return tuple(part.unflatten(0, inputs.shape[:2]) for part in after)


class Bahdanau(nn.Module):
    """The query is the state before the step (Bahdanau et al. 2015, sec. 3.1 and A.2.2).

    c_i = attention(s_{i-1}, h), s_i = cell([E y_{i-1}; c_i], s_{i-1}), t_i = maxout(U_o [s_i; E y_{i-1}; c_i]),
    logits W_o t_i; maxout takes the larger of each two neighbours (Goodfellow et al. 2013).
    """

    def __init__(
        self, cell: Literal["lstm", "gru"], label_dim: int, dim: int, attention: Attending, symbols: int, dropout: float
    ) -> None:
        super().__init__()
        self.attention = attention
        self.cell = Cell(cell, label_dim + attention.out_dim, dim)
        self.deep = glorot(nn.Linear(dim + label_dim + attention.out_dim, 2 * dim))
        self.dropout = nn.Dropout(dropout)
        self.dense = glorot(nn.Linear(dim, symbols))

    def start(self, hidden: Float[Tensor, "batch 1 dim"]) -> State:
        """Return the state before the first step."""
        return self.cell.start(hidden)

    def forward(
        self,
        previous: Float[Tensor, "batch q label_dim"],
        state: State,
        keys: Float[Tensor, "batch time dim"],
        keep: Bool[Tensor, "batch time"],
        number: int,
    ) -> Step:
        """Take step `number`, from 0, after the symbols whose vectors are `previous`."""
        context, weights = self.attention(state[0], keys, keep, number)
        state = self.cell(torch.cat([previous, context], dim=-1), state)
        pairs = self.deep(torch.cat([state[0], previous, context], dim=-1)).unflatten(-1, (-1, 2))
        return Step(self.dense(self.dropout(pairs.amax(dim=-1))), state, weights)


class Luong(nn.Module):
    """The query is the state after the step (Luong et al. 2015, sec. 3).

    s_i = cell(E y_{i-1}, s_{i-1}), c_i = attention(s_i, h), h̃_i = tanh(W_c [c_i; s_i]) (eq. 5), logits W_s h̃_i (eq. 6).
    With input feeding the cell reads [E y_{i-1}; h̃_{i-1}] (sec. 3.3), h̃_0 = 0.
    """

    def __init__(
        self,
        cell: Literal["lstm", "gru"],
        label_dim: int,
        dim: int,
        attention: Attending,
        symbols: int,
        dropout: float,
        input_feeding: bool,
    ) -> None:
        super().__init__()
        self.input_feeding = input_feeding
        self.attention = attention
        self.cell = Cell(cell, label_dim + (dim if input_feeding else 0), dim)
        self.join = glorot(nn.Linear(attention.out_dim + dim, dim, bias=False))
        self.dropout = nn.Dropout(dropout)
        self.dense = glorot(nn.Linear(dim, symbols))

    def start(self, hidden: Float[Tensor, "batch 1 dim"]) -> State:
        """Return the state before the first step; h̃ stands last in a state."""
        return (*self.cell.start(hidden), torch.zeros_like(hidden))

    def forward(
        self,
        previous: Float[Tensor, "batch q label_dim"],
        state: State,
        keys: Float[Tensor, "batch time dim"],
        keep: Bool[Tensor, "batch time"],
        number: int,
    ) -> Step:
        """Take step `number`, from 0, after the symbols whose vectors are `previous`."""
        *recurrent, fed = state
        inputs = torch.cat([previous, fed], dim=-1) if self.input_feeding else previous
        after = self.cell(inputs, tuple(recurrent))
        context, weights = self.attention(after[0], keys, keep, number)
        joined = torch.tanh(self.join(torch.cat([context, after[0]], dim=-1)))
        return Step(self.dense(self.dropout(joined)), (*after, joined), weights)


def glorot(layer: nn.Linear) -> nn.Linear:
    """Return the layer with Glorot-uniform weights and zero biases."""
    nn.init.xavier_uniform_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer
