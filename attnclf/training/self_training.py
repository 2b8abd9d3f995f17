"""Self-training: a model gives labels to texts that have none, and another one learns from these as well.

Each such label (a pseudo-label, Lee 2013) weighs as much as the model is surer of it than of a guess. The one that
learns begins anew: it hears of the labels from more words than its teacher did (Yarowsky 1995), and is not held to what
the teacher has by heart.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from attnclf.data.corpus import Corpus
from attnclf.data.duplicates import normal
from attnclf.data.labels import LabelSet
from attnclf.evaluation.thresholds import chosen

MOST = 5_000_000  # units of the texts that are given labels: about twenty minutes of training on two cores


@dataclass(frozen=True, slots=True, kw_only=True)
class Taught:
    """What a model says of texts: their labels as in `Examples.targets`, and how much each text counts, (texts,)."""

    texts: Sequence[str]
    targets: NDArray[np.integer] | NDArray[np.floating]
    weights: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.weights)

    @classmethod
    def recalled(cls, kept: Mapping[str, Any]) -> "Taught":
        """Return what `kept` was called on."""
        return cls(texts=kept["texts"], targets=kept["targets"].numpy(), weights=kept["weights"].numpy())

    def kept(self) -> dict[str, Any]:
        """Return what a checkpoint holds of it."""
        tensors = {"targets": torch.from_numpy(self.targets), "weights": torch.from_numpy(self.weights)}
        return {"texts": list(self.texts), **tensors}

    @classmethod
    def by(cls, logits: Tensor, thresholds: NDArray[np.floating] | None, texts: Sequence[str]) -> "Taught":
        """Take the label of each row of logits (texts, labels), or with `thresholds` (labels,) those above them.

        A weight is (p - 1/K) / (1 - 1/K) where p is the probability of one of K labels, else the mean of |2p - 1|.
        """
        if thresholds is not None:
            stated = torch.sigmoid(logits).numpy()
            sure = np.abs(2 * stated - 1).mean(axis=1)
            targets = chosen(stated, thresholds).astype(np.float32)
            return cls(texts=texts, targets=targets, weights=sure.astype(np.float32))
        best, labels = torch.softmax(logits, dim=1).max(dim=1)
        guess = 1 / logits.shape[1]
        weights = ((best - guess) / (1 - guess)).clamp_min(0)
        return cls(texts=texts, targets=labels.numpy(), weights=weights.numpy())

    def beside(self, corpus: Corpus, labels: LabelSet) -> Corpus:
        """Return the rows of a corpus and, behind them, the texts with their labels.

        A text with weight 1 counts as the mean row.
        """
        count = len(self)
        own = np.ones(len(corpus), np.float32) if corpus.weights is None else corpus.weights
        return replace(
            corpus,
            texts=[*corpus.texts, *self.texts],
            label_lists=[*corpus.label_lists, *labels.decode(self.targets)],
            weights=np.concatenate([own, self.weights * own.mean(dtype=np.float32)]),
            locations=[*corpus.locations, *[""] * count],
            rationales=None if corpus.rationales is None else [*corpus.rationales, *[None] * count],
        )


def unseen(texts: Sequence[str], *corpora: Corpus) -> list[str]:
    """Return the texts that stand in none of the corpora: what people said of those is not to be said again."""
    known = {normal(text) for corpus in corpora for text in corpus.texts}
    return [text for text in texts if normal(text) not in known]
