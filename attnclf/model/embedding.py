"""Token ids → vectors: a row for each token, and rows shared between tokens: pairs of neighbours, pieces of words."""

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor, nn

from attnclf.text.spelling import frequent_rows
from attnclf.text.tokenizer import UNKNOWN_ID

PAIR_SLOTS = 2**18  # hash values of pairs; far more than frequent pairs, so that few collide
MULTIPLIER = 1_000_003  # a prime above most vocabularies, so that (a, b) and (b, a) hash apart


def pair_slots(ids: Int[Tensor, "batch time"]) -> Int[Tensor, "batch time"]:
    """Return the hash of each (previous id, id); the first token of a row pairs with padding (id 0)."""
    previous = nn.functional.pad(ids[:, :-1], (1, 0))
    return (previous * MULTIPLIER + ids) % PAIR_SLOTS


def frequent_pairs(ids: NDArray[np.integer], offsets: NDArray[np.int64], most: int) -> NDArray[np.int32]:
    """Return for each slot the row of the pair table that it reads, (PAIR_SLOTS,) int32; 0 for pairs seen only once.

    Rows of ids lie end to end, row r at offsets[r]:offsets[r + 1]. At most `most` pairs, the most frequent ones, get a
    row of their own: a pair seen once would only teach its text by heart.
    """
    current = ids.astype(np.int64)
    previous = np.concatenate([[0], current[:-1]])
    previous[offsets[:-1]] = 0
    counts = np.bincount((previous * MULTIPLIER + current) % PAIR_SLOTS, minlength=PAIR_SLOTS)
    return frequent_rows(counts, most)


class Embedding(nn.Module):
    """The sum of a token's own vector and, where asked for, those of its pair and of its n-grams.

    e_t = E[id_t] + P[row of (id_{t-1}, id_t)] + mean of G[rows of the n-grams of the word]

    Pairs (bigrams in the manner of Joulin et al. 2017) let a token carry its neighbour from the first layer on: "not
    good", and two-character Chinese words. N-grams (Bojanowski et al. 2017) let words share what their stems and
    endings mean, and give words never seen a vector. Both tables start at zero: the network begins as one without them
    and adds what they earn.
    """

    pair_rows: Tensor
    gram_rows: Tensor
    known_grams: Tensor

    def __init__(self, vocabulary: int, dim: int, pairs: int, grams: int) -> None:
        super().__init__()
        self.vocabulary = vocabulary
        self.tokens = nn.Embedding(vocabulary, dim, padding_idx=0)
        nn.init.normal_(self.tokens.weight, std=0.1)
        with torch.no_grad():
            self.tokens.weight[0].zero_()
        self.pairs = shared_rows(pairs, dim) if pairs else None
        self.grams = shared_rows(grams, dim) if grams else None
        if pairs:
            self.register_buffer("pair_rows", torch.zeros(PAIR_SLOTS, dtype=torch.int32))

    def read_pairs(self, rows: NDArray[np.int32]) -> None:
        """Say which row of the pair table each slot reads (`frequent_pairs`)."""
        self.pair_rows.copy_(torch.from_numpy(rows))

    def read_grams(self, rows: NDArray[np.int32], units: NDArray[np.int64]) -> None:
        """Say which row of the n-gram table each slot reads, and the slots of each known unit (vocabulary, n-grams)."""
        self.register_buffer("gram_rows", torch.from_numpy(rows))
        self.register_buffer("known_grams", torch.from_numpy(rows[units]), persistent=False)

    def forward(
        self, ids: Int[Tensor, "batch time"], spellings: Int[Tensor, "unknown grams"] | None = None
    ) -> Float[Tensor, "batch time dim"]:
        """Look up every id; an id of vocabulary + n is the unknown word whose n-gram slots are `spellings[n]`."""
        if spellings is None or self.grams is None:
            return self.looked_up(ids)
        used, places = torch.unique(ids, return_inverse=True)
        known = used < self.vocabulary
        spelled = torch.cat(
            [
                self.mean_of(self.known_grams[used[known]]),
                self.mean_of(self.gram_rows[spellings])[used[~known] - self.vocabulary],
            ]
        )
        own = torch.where(ids < self.vocabulary, ids, UNKNOWN_ID)
        return self.looked_up(own) + spelled[places]

    def looked_up(self, ids: Int[Tensor, "batch time"]) -> Float[Tensor, "batch time dim"]:
        """Return the vectors of tokens and pairs."""
        vectors: Tensor = self.tokens(ids)
        if self.pairs is not None:
            vectors = vectors + self.pairs(self.pair_rows[pair_slots(ids)])
        return vectors

    def mean_of(self, rows: Int[Tensor, "words grams"]) -> Float[Tensor, "words dim"]:
        """Return the mean vector of the n-grams of each word; row 0 is padding and counts for nothing."""
        assert self.grams is not None
        return nn.functional.embedding_bag(rows, self.grams.weight, mode="mean", padding_idx=0)


def shared_rows(count: int, dim: int) -> nn.Embedding:
    """Return a table of `count` rows that start at zero, after a row for everything that has none of its own."""
    table = nn.Embedding(count + 1, dim, padding_idx=0)
    nn.init.zeros_(table.weight)
    return table
