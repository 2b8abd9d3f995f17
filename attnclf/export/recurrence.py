"""The recurrent layer as one ONNX node that reads each row's length.

A plain `nn.LSTM` carries no lengths through torch's exporter, and torch 2.13 exports it right only once. Every further
export in a process fixes the time axis at the traced length. So a layer is replaced by a custom operator before the
export, and that operator is translated to the ONNX node LSTM or GRU, whose input `sequence_lens` exists for rows of
different length.
"""

from collections.abc import Callable
from typing import Any

import torch
from onnxscript import opset18 as op
from torch import Tensor, nn

from attnclf.model.encoder import Recurrence

# Places of torch's gates in ONNX's order: lstm i,f,g,o → i,o,f,c; gru r,z,n → z,r,h.
GATES = {"lstm": (0, 3, 1, 2), "gru": (1, 0, 2)}


@torch.library.custom_op("attnclf::recurrent", mutates_args=())
def recurrent(vectors: Tensor, lengths: Tensor, w: Tensor, r: Tensor, b: Tensor, cell: str) -> Tensor:
    """Stand for the ONNX node while the graph is traced: (batch, time, in) → (batch, time, directions × hidden)."""
    return vectors.new_zeros(vectors.shape[0], vectors.shape[1], r.shape[0] * r.shape[2])


@recurrent.register_fake
def _shape(vectors: Tensor, lengths: Tensor, w: Tensor, r: Tensor, b: Tensor, cell: str) -> Tensor:
    return vectors.new_empty(vectors.shape[0], vectors.shape[1], r.shape[0] * r.shape[2])


def to_onnx(vectors: Any, lengths: Any, w: Any, r: Any, b: Any, cell: str) -> Any:
    """Translate `attnclf::recurrent` to Transpose → LSTM or GRU → Transpose → Reshape, time first as ONNX wants it."""
    time_first = op.Transpose(vectors, perm=[1, 0, 2])
    direction = "bidirectional" if r.shape[0] == 2 else "forward"
    hidden = r.shape[2]
    steps = op.Cast(lengths, to=6)  # int32
    if cell == "lstm":
        states, _, _ = op.LSTM(time_first, w, r, b, steps, direction=direction, hidden_size=hidden)
    else:
        # Torch applies the reset gate after the recurrent product: linear_before_reset.
        states, _ = op.GRU(time_first, w, r, b, steps, direction=direction, hidden_size=hidden, linear_before_reset=1)
    batch_first = op.Transpose(states, perm=[2, 0, 1, 3])  # (time, directions, batch, hidden)
    return op.Reshape(batch_first, op.Constant(value_ints=[0, 0, -1]))


TRANSLATIONS: dict[Callable[..., Any], Callable[..., Any]] = {torch.ops.attnclf.recurrent.default: to_onnx}


class OnnxRecurrence(nn.Module):
    """Takes the place of a `Recurrence` with its weights in ONNX's shapes: W (d, 4h, in), R (d, 4h, h), B (d, 8h)."""

    w: Tensor
    r: Tensor
    b: Tensor

    def __init__(self, layer: Recurrence) -> None:
        super().__init__()
        self.cell = layer.cell
        directions = [layer.ahead] if layer.back is None else [layer.ahead, layer.back]
        w, r, inner, outer = (
            torch.stack([self._gates(parameter) for parameter in same]).detach().clone()
            for same in zip(*(rnn.parameters() for rnn in directions), strict=True)
        )
        self.register_buffer("w", w)
        self.register_buffer("r", r)
        self.register_buffer("b", torch.cat([inner, outer], dim=1))

    def _gates(self, matrix: Tensor) -> Tensor:
        chunks = matrix.chunk(len(GATES[self.cell]))
        return torch.cat([chunks[gate] for gate in GATES[self.cell]])

    def forward(self, vectors: Tensor, lengths: Tensor) -> Tensor:
        """Run as `Recurrence` does, in the exported graph only."""
        states: Tensor = recurrent(vectors, lengths, self.w, self.r, self.b, self.cell)
        return states
