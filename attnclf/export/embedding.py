"""The embedding as the exported graph computes it: known words from one table, n-grams for unknown words only."""

import torch
from torch import Tensor, nn

from attnclf.model.embedding import Embedding
from attnclf.text.tokenizer import UNKNOWN_ID


class FoldedEmbedding(nn.Module):
    """Takes the place of an `Embedding` with n-grams: what a known word's n-grams add is added to its row for good."""

    def __init__(self, embedding: Embedding) -> None:
        super().__init__()
        assert embedding.grams is not None
        self.embedding = embedding
        self.vocabulary = embedding.vocabulary
        self.grams = embedding.grams
        with torch.no_grad():
            embedding.tokens.weight += embedding.mean_of(embedding.known_grams)

    def forward(self, ids: Tensor, spellings: Tensor) -> Tensor:
        """Look up every id as `Embedding.forward` does."""
        known = ids < self.vocabulary
        rows = self.embedding.gram_rows[spellings]
        count = (rows > 0).sum(dim=1, keepdim=True).clamp_min(1)
        spelled = self.grams(rows).sum(dim=1) / count
        strange = spelled[(ids - self.vocabulary).clamp_min(0)]
        vectors: Tensor = self.embedding.looked_up(torch.where(known, ids, UNKNOWN_ID))
        return vectors + torch.where(known.unsqueeze(-1), torch.zeros_like(strange), strange)
