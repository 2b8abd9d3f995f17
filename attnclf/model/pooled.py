"""Networks that pool an encoder's states into one vector by attention: embedding → encoder → attention → dense."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from attnclf.attention.pooling import Pooling
from attnclf.config import FeedForwardConfig, ModelConfig
from attnclf.model.dropout import Dropout
from attnclf.model.embedding import token_embedding
from attnclf.model.encoder import Encoder
from attnclf.model.output import Encoded, Output, Reading
from attnclf.model.regularizer import Regularizer
from attnclf.model.transformer import RecurrentSelfAttention, SelfAttention


class PooledClassifier(nn.Module):
    """ids → Embedding → encoder (all steps) → score → align → context → Dense; siblings differ in their encoder.

    `forward` is a function of tensors only; the loss, the metrics and the softmax live with their callers. No text may
    be longer than `max_length` if the encoder or the score has parameters for each position. Named outputs, in addition
    to those of the encoder:

    - `value_norms` (batch, time): ‖h_t‖;
    - `value_logits` (batch, time, labels): ∂logits/∂a_t, the dense layer applied to the state at t;
    - `evidence` (batch, time, labels): a_t ∂logits/∂a_t, what that state adds to the logits through Σ_t a_t h_t.
    """

    def __init__(
        self,
        config: ModelConfig,
        encoder: Encoder | SelfAttention | RecurrentSelfAttention,
        vocabulary: int,
        labels: int,
        max_length: int,
    ) -> None:
        super().__init__()
        embedding, attention = config.embedding, config.attention
        self.embedding = token_embedding(vocabulary, embedding.dim)
        self.token_dropout = nn.Dropout1d(embedding.token_dropout)
        self.embedding_dropout = Dropout(embedding.dropout)
        self.encoder = encoder
        self.pooling = Pooling(attention, encoder.out_dim, max_length)
        self.dropout = nn.Dropout(config.dropout)
        self.dense = nn.Linear(self.pooling.out_dim, labels)
        nn.init.xavier_uniform_(self.dense.weight)
        nn.init.zeros_(self.dense.bias)
        self.regularizers = feed_forward_regularizers(config.feed_forward) if attention.score == "feed_forward" else ()

    def forward(self, ids: Int[Tensor, "batch time"], lengths: Int[Tensor, " batch"]) -> Output:
        """Classify rows of token ids, each real up to its length."""
        return self.classify(self.embedding(ids), lengths)

    def classify(self, vectors: Float[Tensor, "batch time dim"], lengths: Int[Tensor, " batch"]) -> Output:
        """Classify rows of embedded tokens: where adversarial training and gradient explanations step in."""
        return self.read(vectors, lengths).output

    def read(self, vectors: Float[Tensor, "batch time dim"], lengths: Int[Tensor, " batch"]) -> Reading:
        """Classify rows of embedded tokens and return the states too: where training asks more of attention."""
        keep = torch.arange(vectors.shape[1], device=vectors.device) < lengths.unsqueeze(1)
        encoded: Encoded = self.encoder(self.embedding_dropout(self.token_dropout(vectors)), lengths)
        context, weights, scores = self.pooling(encoded.states, keep)
        logits = self.dense(self.dropout(context))
        # Nobody looks at the shares while it learns.
        shares = {} if self.training else self._shares(encoded.states, weights, keep)
        output = Output(logits, weights, {**encoded.named, **shares})
        return Reading(output, encoded.states, keep, scores, self.pooling.alignment)

    def _shares(
        self,
        states: Float[Tensor, "batch time dim"],
        weights: Float[Tensor, "batch time"],
        keep: Bool[Tensor, "batch time"],
    ) -> dict[str, Tensor]:
        """Return the named outputs. A context begins with the mean of the states, so Σ_t a_t D h_t is in the logits."""
        mean = self.dense.weight[:, : self.encoder.out_dim]
        seen = states @ mean.T
        return {
            "value_norms": states.norm(dim=-1) * keep,
            "value_logits": seen * keep.unsqueeze(-1),
            "evidence": weights.unsqueeze(-1) * seen,
        }


def feed_forward_regularizers(config: FeedForwardConfig) -> tuple[Regularizer, Regularizer]:
    """Return what holds w and b of the score feed_forward."""
    return (
        Regularizer(
            parameter="pooling.score.w",
            l1=config.w_l1,
            l2=config.w_l2,
            constraint=config.w_constraint,
            max_norm=config.max_norm,
        ),
        Regularizer(
            parameter="pooling.score.b",
            l1=config.b_l1,
            l2=config.b_l2,
            constraint=config.b_constraint,
            max_norm=config.max_norm,
        ),
    )
