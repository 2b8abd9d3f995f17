"""A linear model over n-grams whose logits are added to those of the network, with exact contributions of tokens."""

from collections.abc import Mapping
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import embedding

from attnclf.text import pairs
from attnclf.text.ragged import UNKNOWN_ID


class Evidence(NamedTuple):
    """The output of the linear model: logits (batch, labels), and each token's part of them (batch, time, labels)."""

    logits: Tensor
    contributions: Tensor


class NgramLinear(nn.Module):
    """z = Σ_t (words[id_t] + pairs[id_{t-1}, id_t]) / ‖words, pairs‖ + √s Σ_t Σ_{g in t} grams[g] / ‖grams‖ + bias

    The features are TF-IDF values of words and pairs of words, and of the character n-grams inside words (Bojanowski
    et al. 2017). In each text, words and pairs together have length 1. N-grams have length √s, where s is the share of
    tokens that have n-grams. One Latin word in a Chinese text must not count as much as all the rest. A row of
    a table holds a feature's weight for each label, times its idf. Its last column is idf², from which the lengths
    ‖·‖ = √(Σ_t idf²) are summed: Euclidean if no feature repeats.

    The contribution of a word pair is split evenly between its two words, which is its Shapley value. The pair of the
    start and the first token belongs to that token.

    With many labels a row has a few numbers instead, its `rank`, and `labels` turns their sums into logits: the tables
    are those above times `labels`.

    Args:
        tables: These tensors by name. `words` (vocabulary, labels + 1).
            `word_grams` (vocabulary, labels + 2): the sum over the word's n-grams, then 1 if it has any; zeros for the
            unknown token. `pairs` (pairs, labels + 1) and `grams` (n-grams, labels + 1), with zeros in row 0.
            `pair_rows` (pairs.SLOTS,) and `gram_rows` (char_ngrams.SLOTS + 1,): the row that each slot reads.
            `bias` (labels,). With many labels also `labels` (rank, labels); the others then have rank for labels.
    """

    words: Tensor
    word_grams: Tensor
    pairs: Tensor
    grams: Tensor
    pair_rows: Tensor
    gram_rows: Tensor
    bias: Tensor
    labels: Tensor | None

    def __init__(self, tables: Mapping[str, Tensor]) -> None:
        super().__init__()
        for name in ("words", "word_grams", "pairs", "grams", "pair_rows", "gram_rows", "bias"):
            self.register_buffer(name, tables[name])
        self.register_buffer("labels", tables.get("labels"))

    @property
    def size(self) -> int:
        """The number of features: words, pairs of words and character n-grams."""
        return len(self.words) + len(self.pairs) + len(self.grams) - 3

    def forward(
        self,
        ids: Int[Tensor, "batch time"],
        lengths: Int[Tensor, " batch"],
        char_ngrams: Int[Tensor, "unknown grams"],
    ) -> Evidence:
        """Classify rows of ids; an id of vocabulary + n is the unknown word whose n-gram slots are `char_ngrams[n]`."""
        keep = (torch.arange(ids.shape[1], device=ids.device) < lengths.unsqueeze(1)).unsqueeze(1).to(self.bias)
        known = ids < len(self.words)
        own = torch.where(known, ids, UNKNOWN_ID)
        # Not padded: for whole numbers ONNX Runtime does that on the CPU only, also beside a GPU.
        previous = torch.cat([torch.zeros_like(own[:, :1]), own[:, :-1]], dim=1)
        pair = _read(self.pair_rows, pairs.slot(previous, own))
        paired = embedding(pair, self.pairs)
        neighbours = embedding(own, self.words) + paired
        strange = (ids - len(self.words) + 1).clamp_min(0)
        inside = embedding(own, self.word_grams) + embedding(strange, self._strange(char_ngrams))
        # Summed by products, which take no copies of the rows: what a text is divided by is known only then.
        words, grams = keep @ neighbours, keep @ inside
        share = grams[..., -1:] / lengths.view(-1, 1, 1)
        by_words = words[..., -1:].clamp_min(1.0).rsqrt()  # an idf is at least 1 where there is any
        by_grams = (share / grams[..., -2:-1].clamp_min(1.0)).sqrt()
        logits = words[..., :-1] * by_words + grams[..., :-2] * by_grams
        shared = neighbours + _halved(paired * keep.mT)
        contributions = (shared[..., :-1] * by_words + inside[..., :-2] * by_grams) * keep.mT
        if self.labels is not None:
            logits, contributions = logits @ self.labels, contributions @ self.labels
        return Evidence(logits.squeeze(1) + self.bias, contributions)

    def _strange(self, char_ngrams: Int[Tensor, "unknown grams"]) -> Float[Tensor, "strange columns"]:
        """Return the row of each unknown word as `word_grams` has those of known ones, behind a row of zeros."""
        grams = embedding(_read(self.gram_rows, char_ngrams), self.grams).sum(dim=1)
        having = torch.cat([grams, (grams[:, -1:] > 0).to(grams)], dim=1)
        return torch.cat([torch.zeros_like(having[:1]), having])


def _halved(paired: Float[Tensor, "batch time columns"]) -> Float[Tensor, "batch time columns"]:
    """Return what units gain and lose when half of each pair, which stands at its second unit, goes to its first."""
    halves = paired[:, 1:] / 2
    nothing = torch.zeros_like(paired[:, :1])
    return torch.cat([halves, nothing], dim=1) - torch.cat([nothing, halves], dim=1)


def _read(rows: Int[Tensor, " slots"], slots: Int[Tensor, "*axes"]) -> Int[Tensor, "*axes"]:
    """Return the row of each slot. As `rows[slots]` it would be GatherND, for int32 on the CPU too."""
    return rows.index_select(0, slots.flatten()).view(slots.shape)
