"""Attention over features (dense attention): a gate decides how much of each entry of a dense vector passes."""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from attnclf.attention.gates import let_through, openness, sigmoid_gate, softmax_gate
from attnclf.attention.step import weight
from attnclf.config import GateConfig, ModelConfig
from attnclf.model.decoder import glorot
from attnclf.model.features import Standardised, TfIdf
from attnclf.model.output import Output
from attnclf.model.regularizer import Regularizer


class Gated(NamedTuple):
    """What a gate returns: the gated vector (batch, out_dim), and two figures for each feature (batch, features).

    `gate` is its openness, 0 to 1, and `through` how much of it passes, at least 0. `hidden` (batch, out_dim) are the
    gates of the hidden units; None for a gate without them.
    """

    passed: Tensor
    gate: Tensor
    through: Tensor
    hidden: Tensor | None = None


class SoftmaxGate(nn.Module):
    """x → x ⊙ softmax(W x + b); W and b begin at 0, which treats all n features alike.

    Each gate is then 1/n, so the dense layer multiplies by `scale` = n, a factor in its weights. Without it the first
    outputs would be close to 0.
    """

    def __init__(self, config: GateConfig, features: int) -> None:
        super().__init__()
        self.out_dim, self.scale = features, float(features)
        self.w = nn.Parameter(torch.zeros(features, features))
        self.b = nn.Parameter(torch.zeros(features))

    def forward(self, x: Float[Tensor, "batch features"]) -> Gated:
        """Return the gated features, and the gate of each."""
        gate = softmax_gate(x, self.w, self.b)
        return Gated(x * gate, gate, gate * x.abs())


class SigmoidGate(nn.Module):
    """x → h ⊙ σ(W h + b) with h = relu(V x + c); the loss holds V small."""

    def __init__(self, config: GateConfig, features: int) -> None:
        super().__init__()
        self.out_dim, self.scale = config.hidden, 1.0
        self.v = weight(self.out_dim, features)
        self.c = nn.Parameter(torch.zeros(self.out_dim))
        self.w = weight(self.out_dim, self.out_dim)
        self.b = nn.Parameter(torch.zeros(self.out_dim))

    def forward(self, x: Float[Tensor, "batch features"]) -> Gated:
        """Return the gated hidden units, how much of each feature passes through them, and their gates."""
        hidden = torch.relu(x @ self.v.T + self.c)
        gate = sigmoid_gate(hidden, self.w, self.b)
        working = gate * (hidden > 0)
        return Gated(hidden * gate, openness(working, self.v), let_through(working, self.v) * x.abs(), gate)


GATES: dict[str, type[SoftmaxGate] | type[SigmoidGate]] = {"softmax": SoftmaxGate, "sigmoid": SigmoidGate}


class FeatureGate(nn.Module):
    """ids or numbers → x (TF-IDF, or standardised columns) → gate → Dense; `columns` is 0 where it reads ids.

    The share of a feature is the part of it that passes, over the sum of these parts. Under softmax the part is
    g_i |x_i|; under sigmoid it is Σ_j g_j |v_ji x_i| over the hidden units j that are on. The occurrences of its token
    in the text get equal parts of the share as attention weights. Named outputs: `gate` (batch, time), the gate of each
    token's feature, 0 for a token that is no feature; in the form sigmoid also `hidden_gate` (batch, hidden).
    """

    def __init__(self, config: ModelConfig, vocabulary: int, labels: int) -> None:
        super().__init__()
        self.columns = len(config.gate.columns)
        self.embedding: TfIdf | Standardised
        self.embedding = Standardised(self.columns) if self.columns else TfIdf(vocabulary, config.gate.most)
        self.gate = GATES[config.gate.form](config.gate, self.embedding.features)
        self.dropout = nn.Dropout(config.dropout)
        self.dense = glorot(nn.Linear(self.gate.out_dim, labels))
        self.regularizers = (
            (Regularizer(parameter="gate.v", l2=config.gate.l2),) if config.gate.form == "sigmoid" else ()
        )

    def forward(
        self, ids: Int[Tensor, "batch time"] | Float[Tensor, "batch columns"], lengths: Int[Tensor, " batch"]
    ) -> Output:
        """Classify rows of token ids, 0 at padding, or rows of numbers."""
        logits, shares, named = self.classify(self.embedding(ids), lengths)
        weights = self.embedding.at_units(shares / self.embedding.occurrences(ids), ids)
        return Output(logits, weights, {**named, "gate": self.embedding.at_units(named["gate"], ids)})

    def classify(self, vectors: Float[Tensor, "batch features"], lengths: Int[Tensor, " batch"]) -> Output:
        """Classify vectors of features; weights and `gate` are here those of the features, (batch, features)."""
        gated: Gated = self.gate(vectors)
        total = gated.through.sum(dim=1, keepdim=True)
        shares = gated.through / total.clamp_min(torch.finfo(total.dtype).tiny)
        named = {"gate": gated.gate} | ({} if gated.hidden is None else {"hidden_gate": gated.hidden})
        return Output(self.dense(self.dropout(gated.passed) * self.gate.scale), shares, named)
