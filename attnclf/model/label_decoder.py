"""Several labels as a sequence: embedding → encoder → a decoder that emits label after label until the end.

Each label depends on those before it, so that labels that go together are emitted together (Yang et al. 2018, "SGM").
"""

from collections.abc import Callable

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from attnclf.attention.attending import Attending
from attnclf.config import ModelConfig
from attnclf.model.decoder import Bahdanau, Luong, State, Step, glorot
from attnclf.model.dropout import Dropout
from attnclf.model.embedding import token_embedding
from attnclf.model.encoder import Encoder
from attnclf.model.output import Encoded, Output
from attnclf.model.search import most_probable

SMALLEST = 1e-7  # probabilities are kept this far from 0 and 1, where log-odds have no end


class LabelDecoder(nn.Module):
    """ids → Embedding → encoder (all steps) → start → label → label → end, with attention at each step.

    A symbol is the number of a label; the number after the last label is the start where it is read, and the end where
    it is emitted. The first state is tanh(W · mean of the encoder's states), as in Sennrich et al. 2017 (Nematus).
    """

    def __init__(self, config: ModelConfig, encoder: Encoder, vocabulary: int, labels: int, max_length: int) -> None:
        super().__init__()
        embedding, decoder, dim = config.embedding, config.decoder, encoder.out_dim
        self.embedding = token_embedding(vocabulary, embedding.dim)
        self.token_dropout = nn.Dropout1d(embedding.token_dropout)
        self.embedding_dropout = Dropout(embedding.dropout)
        self.encoder = encoder
        self.first = glorot(nn.Linear(dim, dim))
        self.symbols = nn.Embedding(labels + 1, embedding.dim)
        nn.init.normal_(self.symbols.weight, std=0.1)
        attention = Attending(config.attention, dim, max_length)
        shared = (decoder.cell, embedding.dim, dim, attention, labels + 1, config.dropout)
        self.decoder = Bahdanau(*shared) if decoder.style == "bahdanau" else Luong(*shared, decoder.input_feeding)
        self.labels, self.steps, self.beam = labels, decoder.steps or labels + 1, decoder.beam

    def forward(self, ids: Int[Tensor, "batch time"], lengths: Int[Tensor, " batch"]) -> Output:
        """Emit labels for rows of token ids, each real up to its length."""
        return self.classify(self.embedding(ids), lengths)

    def classify(self, vectors: Float[Tensor, "batch time dim"], lengths: Int[Tensor, " batch"]) -> Output:
        """Emit labels for rows of embedded tokens: the most probable sequence that the search finds.

        The logits are the log-odds of `search.Found.probabilities`, so that their sigmoid is a probability, as in other
        networks. The weights are the mean attention over the steps that emit labels; without labels, the attention of
        the step that emits the end. Named: `sequence` (batch, steps) and `alignment` (batch, steps, time).
        """
        advance, state = self._begin(vectors, lengths)
        found = most_probable(advance, state, labels=self.labels, steps=self.steps, beam=self.beam)
        logits = torch.logit(found.probabilities.clamp(SMALLEST, 1 - SMALLEST))
        emitted = (found.sequence >= 0).sum(dim=1, keepdim=True).clamp_min(1)
        weights = found.alignment.sum(dim=1) / emitted
        return Output(logits, weights, {"sequence": found.sequence, "alignment": found.alignment})

    def teach(
        self,
        vectors: Float[Tensor, "batch time dim"],
        lengths: Int[Tensor, " batch"],
        sequences: Int[Tensor, "batch steps"],
    ) -> Float[Tensor, "batch steps symbols"]:
        """Return the logits of each symbol after the true symbols before it; -inf for labels already emitted.

        `sequences` are labels, then the end, then -1; what is returned after the end is meaningless.
        """
        advance, state = self._begin(vectors, lengths)
        symbols = torch.where(sequences >= 0, sequences, self.labels)
        before = nn.functional.pad(symbols[:, :-1], (1, 0), value=self.labels)
        logits = []
        for number in range(symbols.shape[1]):
            step = advance(before[:, number : number + 1], state, number)
            logits.append(step.logits)
            state = step.state
        emitted = nn.functional.one_hot(before, self.labels + 1).cumsum(dim=1) > 0
        emitted[..., self.labels] = False  # what stands for the start there is the end here
        return torch.cat(logits, dim=1).masked_fill(emitted, -torch.inf)

    def _begin(
        self, vectors: Float[Tensor, "batch time dim"], lengths: Int[Tensor, " batch"]
    ) -> tuple[Callable[[Int[Tensor, "batch q"], State, int], Step], State]:
        """Read the texts; return the decoder's step over what was read, and the state before the first step."""
        keep: Bool[Tensor, "batch time"] = torch.arange(vectors.shape[1], device=vectors.device) < lengths.unsqueeze(1)
        encoded: Encoded = self.encoder(self.embedding_dropout(self.token_dropout(vectors)), lengths)
        hidden = encoded.states
        mean = (hidden * keep.unsqueeze(-1)).sum(dim=1, keepdim=True) / lengths.view(-1, 1, 1)

        def advance(symbols: Int[Tensor, "batch q"], state: State, number: int) -> Step:
            step: Step = self.decoder(self.embedding_dropout(self.symbols(symbols)), state, hidden, keep, number)
            return step

        return advance, self.decoder.start(torch.tanh(self.first(mean)))
