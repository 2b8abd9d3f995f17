"""Token ids → vectors: a row for each token, plus a row for each frequent pair of neighbours."""

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor, nn

SLOTS = 2**18  # hash values of pairs; far more than frequent pairs, so that few collide
MULTIPLIER = 1_000_003  # a prime above most vocabularies, so that (a, b) and (b, a) hash apart


def pair_slots(ids: Int[Tensor, "batch time"]) -> Int[Tensor, "batch time"]:
    """Return the hash of each (previous id, id); the first token of a row pairs with padding (id 0)."""
    previous = nn.functional.pad(ids[:, :-1], (1, 0))
    return (previous * MULTIPLIER + ids) % SLOTS


def frequent_pairs(ids: NDArray[np.integer], offsets: NDArray[np.int64], most: int) -> NDArray[np.int32]:
    """Return for each slot the row of the pair table that it reads, (SLOTS,) int32; 0 for pairs seen only once.

    Rows of ids lie end to end, row r at offsets[r]:offsets[r + 1]. At most `most` pairs, the most frequent ones, get a
    row of their own: a pair seen once would only teach its text by heart.
    """
    current = ids.astype(np.int64)
    previous = np.concatenate([[0], current[:-1]])
    previous[offsets[:-1]] = 0
    counts = np.bincount((previous * MULTIPLIER + current) % SLOTS, minlength=SLOTS)
    order = np.argsort(-counts, kind="stable")[:most]
    chosen = np.sort(order[counts[order] >= 2])
    rows = np.zeros(SLOTS, dtype=np.int32)
    rows[chosen] = np.arange(1, len(chosen) + 1)
    return rows


class Embedding(nn.Module):
    """e_t = E[id_t] (+ P[row of (id_{t-1}, id_t)]), bigrams in the manner of Joulin et al. 2017.

    Pairs let a token carry its neighbour from the first layer on: "not good", and two-character Chinese words. Their
    table starts at zero: the network begins as one without it and adds what pairs earn.
    """

    pair_rows: Tensor

    def __init__(self, vocabulary: int, dim: int, pairs: int) -> None:
        super().__init__()
        self.tokens = nn.Embedding(vocabulary, dim, padding_idx=0)
        nn.init.normal_(self.tokens.weight, std=0.1)
        with torch.no_grad():
            self.tokens.weight[0].zero_()
        self.pairs = nn.Embedding(pairs + 1, dim, padding_idx=0) if pairs else None
        if self.pairs is not None:
            nn.init.zeros_(self.pairs.weight)
            self.register_buffer("pair_rows", torch.zeros(SLOTS, dtype=torch.int32))

    def forward(self, ids: Int[Tensor, "batch time"]) -> Float[Tensor, "batch time dim"]:
        """Look up every id and its pair with the one before."""
        vectors: Tensor = self.tokens(ids)
        if self.pairs is not None:
            vectors = vectors + self.pairs(self.pair_rows[pair_slots(ids)])
        return vectors
