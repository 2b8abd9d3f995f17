"""Vectors → hidden states that depend on their neighbours: a recurrent network, correct under padding.

A plain bidirectional LSTM over a padded batch starts its backward pass in the padding, so that a text's answer
depends on its batch. Here each row is reversed inside its own length before the backward direction and turned back
after it. Padded input with a gather runs several times faster on a CPU than packed sequences, which bypass oneDNN.
"""

from functools import partial
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from attnclf.config import EncoderConfig
from attnclf.model.branches import Branch, run_parallel
from attnclf.model.output import Encoded

CELLS = {"lstm": nn.LSTM, "gru": nn.GRU}


def reversal(lengths: Int[Tensor, " batch"], time: int) -> Int[Tensor, "batch time"]:
    """Return for each position where to read from so that the first `length` of a row come out reversed."""
    position = torch.arange(time, device=lengths.device)
    mirrored = lengths.unsqueeze(1) - 1 - position
    return torch.where(mirrored >= 0, mirrored, position)


def turned(
    rows: Float[Tensor, "batch time width"], order: Int[Tensor, "batch time"]
) -> Float[Tensor, "batch time width"]:
    """Return the vectors of each row in another order."""
    batch, time, _ = rows.shape
    places = order + time * torch.arange(batch, device=rows.device).unsqueeze(1)
    return rows.flatten(0, 1).index_select(0, places.flatten()).view_as(rows)


def direction(cell: Literal["lstm", "gru"], in_dim: int, hidden: int) -> nn.LSTM | nn.GRU:
    """Return one direction of a layer."""
    rnn: nn.LSTM | nn.GRU = CELLS[cell](in_dim, hidden, batch_first=True)
    initialise(rnn, cell)
    return rnn


def initialise(rnn: nn.Module, cell: Literal["lstm", "gru"]) -> None:
    """Prepare a layer, or a cell that takes single steps, for long texts.

    Input weights are Glorot-uniform, recurrent ones orthogonal gate by gate (Saxe et al. 2014), biases zero except
    the LSTM's forget gate at 1 (Jozefowicz et al. 2015).
    """
    w, r, *biases = rnn.parameters()  # input-hidden, hidden-hidden and their biases, gates stacked in rows
    hidden = r.shape[1]
    nn.init.xavier_uniform_(w)
    for gate in r.data.chunk(len(r) // hidden):
        nn.init.orthogonal_(gate)
    for bias in biases:
        nn.init.zeros_(bias)
    if cell == "lstm":
        nn.init.ones_(biases[0].data[hidden : 2 * hidden])


class Recurrence(nn.Module):
    """One recurrent layer in one or two directions: (batch, time, in) → (batch, time, hidden × directions)."""

    def __init__(self, cell: Literal["lstm", "gru"], in_dim: int, hidden: int, bidirectional: bool) -> None:
        super().__init__()
        self.cell = cell
        self.ahead = direction(cell, in_dim, hidden)
        self.back = direction(cell, in_dim, hidden) if bidirectional else None

    def forward(
        self, vectors: Float[Tensor, "batch time in"], lengths: Int[Tensor, " batch"]
    ) -> Float[Tensor, "batch time out"]:
        """Run the directions over each row's own length; values at padding are meaningless."""
        if self.back is None:
            return self._ahead(vectors)
        back = partial(self._back, lengths=lengths)
        # The backward direction has more to do, so it is the one that begins without delay.
        behind, ahead = run_parallel([Branch(back, self.back), Branch(self._ahead, self.ahead)], vectors)
        return torch.cat([ahead, behind], dim=-1)

    def _ahead(self, vectors: Float[Tensor, "batch time in"]) -> Float[Tensor, "batch time hidden"]:
        states: Tensor = self.ahead(vectors)[0]
        return states

    def _back(
        self, vectors: Float[Tensor, "batch time in"], lengths: Int[Tensor, " batch"]
    ) -> Float[Tensor, "batch time hidden"]:
        assert self.back is not None
        order = reversal(lengths, vectors.shape[1])
        return turned(self.back(turned(vectors, order))[0], order)


class Encoder(nn.Module):
    """A stack of recurrences with dropout between them; `out_dim` is the width of its states.

    With the output "states+vectors", each state is concatenated with the vector of its own token. Attention to a state
    is then also attention to its token, wherever the recurrence moves information ("concat", Tutek & Šnajder 2020,
    section 4).
    """

    def __init__(self, config: EncoderConfig, in_dim: int) -> None:
        super().__init__()
        width = config.hidden * (2 if config.bidirectional else 1)
        self.output = config.output
        self.out_dim = width + (in_dim if config.output == "states+vectors" else 0)
        widths = [in_dim] + [width] * (config.layers - 1)
        self.layers = nn.ModuleList(
            Recurrence(config.cell, width, config.hidden, config.bidirectional) for width in widths
        )
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, vectors: Float[Tensor, "batch time in"], lengths: Int[Tensor, " batch"]) -> Encoded:
        """Return the hidden states of the last layer."""
        states = vectors
        for number, layer in enumerate(self.layers):
            states = layer(self.dropout(states) if number else states, lengths)
        return Encoded(torch.cat([states, vectors], dim=-1) if self.output == "states+vectors" else states)
