"""The main network: embedding → BiLSTM → temporal attention → dense (section A of the sources)."""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from attnclf.attention.pooling import Pooling
from attnclf.config import ModelConfig
from attnclf.model.embedding import Embedding
from attnclf.model.encoder import Encoder


class Output(NamedTuple):
    """What a network returns: logits (batch, labels) and the attention weights (batch, time) that explain shows."""

    logits: Tensor
    weights: Tensor


class TemporalAttention(nn.Module):
    """ids → Embedding → BiLSTM (all steps) → score → align → context → Dense.

    `forward` is a function of tensors only; the loss, the metrics and the softmax live with their callers. No text may
    be longer than `max_length` where the score has parameters for each position.
    """

    def __init__(self, config: ModelConfig, vocabulary: int, labels: int, max_length: int) -> None:
        super().__init__()
        embedding, encoder = config.embedding, config.encoder
        self.embedding = Embedding(vocabulary, embedding.dim, embedding.pairs, embedding.grams)
        self.token_dropout = nn.Dropout1d(embedding.token_dropout)
        self.embedding_dropout = nn.Dropout(embedding.dropout)
        self.encoder = Encoder(
            encoder.cell, embedding.dim, encoder.hidden, encoder.layers, encoder.bidirectional, encoder.dropout
        )
        self.pooling = Pooling(config.attention, self.encoder.out_dim, max_length)
        self.dropout = nn.Dropout(config.dropout)
        self.dense = nn.Linear(self.pooling.out_dim, labels)
        nn.init.xavier_uniform_(self.dense.weight)
        nn.init.zeros_(self.dense.bias)

    def forward(
        self,
        ids: Int[Tensor, "batch time"],
        lengths: Int[Tensor, " batch"],
        spellings: Int[Tensor, "unknown grams"] | None = None,
    ) -> Output:
        """Classify rows of token ids, each real up to its length; `spellings` are those of the unknown words."""
        return self.classify(self.embedding(ids, spellings), lengths)

    def classify(self, vectors: Float[Tensor, "batch time dim"], lengths: Int[Tensor, " batch"]) -> Output:
        """Classify rows of embedded tokens: where adversarial training and gradient explanations step in."""
        keep = torch.arange(vectors.shape[1], device=vectors.device) < lengths.unsqueeze(1)
        hidden = self.encoder(self.embedding_dropout(self.token_dropout(vectors)), lengths)
        context, weights = self.pooling(hidden, keep)
        return Output(self.dense(self.dropout(context)), weights)
