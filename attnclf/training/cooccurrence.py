"""The first vectors of tokens: words that stand among the same words begin with similar ones, before any label."""

from collections.abc import Iterable

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.linalg import svds
from torch import Tensor

from attnclf.text.ragged import UNKNOWN_ID, Ragged

WINDOW = 5  # tokens to either side; one at distance d counts (WINDOW - d + 1) / WINDOW
SMOOTHING = 0.75  # exponent on the frequency of a neighbour, so that rare ones do not seem too telling
MOST = 20_000_000  # tokens that are read: more change little
SMALL = 1000  # tokens; of so few, all directions are found at once


@torch.no_grad()
def begin_alike(table: Tensor, found: NDArray[np.float32]) -> None:
    """Give the tokens of a table (vocabulary, dim) the vectors found, as long as those that they replace."""
    vectors = torch.from_numpy(found)
    having = vectors.any(dim=1)
    table[having] = vectors[having] * table[having].norm(dim=1).mean()


def cooccurrence_vectors(texts: Iterable[Ragged], vocabulary: int, dim: int) -> NDArray[np.float32]:
    """Return a vector for each token (vocabulary, dim): U √Σ of the truncated SVD of the matrix of PPMI.

    Positive pointwise mutual information of tokens and their neighbours, with the choices that Levy, Goldberg & Dagan
    2015 recommend (context distribution smoothing, weighted window, eigenvalue weighting ½). All vectors have length 1,
    or 0 for padding, the unknown token, and tokens without a neighbour. Ids above the vocabulary count as unknown.
    A vocabulary of `dim` + 1 tokens or fewer leaves the last columns 0.
    """
    counts = sparse.csr_matrix((vocabulary, vocabulary))
    left = MOST
    for tokens in texts:
        counts = counts + _counted(tokens, vocabulary)
        left -= len(tokens.ids)
        if left <= 0:
            break
    counts = counts + counts.T
    often = np.asarray(counts.sum(axis=1)).ravel()
    vectors = np.zeros((vocabulary, dim), np.float32)
    rank = min(dim, vocabulary - 1)
    if not often.any():
        return vectors
    smoothed = often**SMOOTHING / (often**SMOOTHING).sum()
    pairs = counts.tocoo()
    information = np.log(pairs.data / (often[pairs.row] * smoothed[pairs.col]))
    positive = information > 0
    matrix = sparse.csr_matrix((information[positive], (pairs.row[positive], pairs.col[positive])), shape=counts.shape)
    if vocabulary < SMALL:
        directions, values, _ = np.linalg.svd(matrix.toarray())
    else:
        directions, values, _ = svds(matrix, k=rank, random_state=0)
    vectors[:, :rank] = directions[:, :rank] * np.sqrt(values[:rank])
    vectors[: UNKNOWN_ID + 1] = 0
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(np.where(lengths > 1e-6, vectors / np.maximum(lengths, 1e-6), 0), np.float32)


def _counted(tokens: Ragged, vocabulary: int) -> sparse.csr_matrix:
    """Count how often which token stands to the left of which, both of them known ones."""
    ids = tokens.ids.astype(np.int64)
    known = (ids > UNKNOWN_ID) & (ids < vocabulary)
    owner = np.repeat(np.arange(len(tokens)), tokens.lengths)
    total = sparse.csr_matrix((vocabulary, vocabulary))
    for distance in range(1, WINDOW + 1):
        first, second = ids[:-distance], ids[distance:]
        together = (owner[:-distance] == owner[distance:]) & known[:-distance] & known[distance:]
        share = np.full(int(together.sum()), (WINDOW - distance + 1) / WINDOW)
        pairs = (share, (first[together], second[together]))
        total = total + sparse.coo_matrix(pairs, shape=total.shape).tocsr()
    return total
