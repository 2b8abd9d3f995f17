"""Self-training: a model gives labels to texts that have none, and another one learns from these as well.

Each such label (a pseudo-label, Lee 2013) weighs as much as the model is surer of it than of a guess. The one that
learns begins anew: it hears of the labels from more words than its teacher did (Yarowsky 1995), and is not held to what
the teacher has by heart.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from attnclf.data.corpus import Corpus
from attnclf.data.labels import LabelSet
from attnclf.evaluation.thresholds import chosen

MOST = 5_000_000  # units of the texts that are given labels: about twenty minutes of training on two cores


@dataclass(frozen=True, slots=True, kw_only=True)
class Taught:
    """What a model says of texts: their labels as in `Examples.targets`, and how much each text counts, (texts,)."""

    targets: NDArray[np.integer] | NDArray[np.floating]
    weights: NDArray[np.float32]

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor]) -> "Taught":
        """Return what `to_tensors` was called on."""
        return cls(**{name: tensor.numpy() for name, tensor in tensors.items()})

    def to_tensors(self) -> dict[str, Tensor]:
        """Return what a checkpoint can hold."""
        return {"targets": torch.from_numpy(self.targets), "weights": torch.from_numpy(self.weights)}

    @classmethod
    def by(cls, logits: Tensor, thresholds: NDArray[np.floating] | None) -> "Taught":
        """Take the label of each row of logits (texts, labels), or with `thresholds` (labels,) those above them.

        A weight is (p - 1/K) / (1 - 1/K) where p is the probability of one of K labels, else the mean of |2p - 1|.
        """
        if thresholds is not None:
            stated = torch.sigmoid(logits).numpy()
            sure = np.abs(2 * stated - 1).mean(axis=1)
            return cls(targets=chosen(stated, thresholds).astype(np.float32), weights=sure.astype(np.float32))
        best, labels = torch.softmax(logits, dim=1).max(dim=1)
        guess = 1 / logits.shape[1]
        return cls(targets=labels.numpy(), weights=((best - guess) / (1 - guess)).clamp_min(0).numpy())

    def beside(self, corpus: Corpus, texts: Sequence[str], labels: LabelSet) -> Corpus:
        """Return the rows of a corpus and, behind them, the texts with their labels."""
        count = len(self.weights)
        own = np.ones(len(corpus), np.float32) if corpus.weights is None else corpus.weights
        return replace(
            corpus,
            texts=[*corpus.texts, *texts[:count]],
            label_lists=[*corpus.label_lists, *labels.decode(self.targets)],
            weights=np.concatenate([own, self.weights]),
            places=[*corpus.places, *[""] * count],
            rationales=None if corpus.rationales is None else [*corpus.rationales, *[None] * count],
        )
