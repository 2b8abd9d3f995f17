"""Self-training: a model gives pseudo-labels to texts without labels, and a second one is trained on these as well.

The weight of a pseudo-label (Lee 2013) is by how much the model is more confident than a guess. The second model is
new: it meets each label together with more words than the first one did (Yarowsky 1995). It keeps nothing that the
first one has by heart.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from attnclf.data.corpus import Corpus
from attnclf.data.labels import LabelSet
from attnclf.evaluation.thresholds import labels_above
from attnclf.text.ragged import leading_rows
from attnclf.training.calibration.calibrate import CalibratedModel
from attnclf.training.context import TrainingContext
from attnclf.training.examples import Examples, encoded
from attnclf.training.prediction import predict_logits

MOST = 5_000_000  # tokens of the texts that get pseudo-labels: about twenty minutes of training on two cores


@dataclass(frozen=True, slots=True, kw_only=True)
class PseudoLabels:
    """Texts with the labels that a model gives them, as in `Examples.targets`, and float32 weights (texts,)."""

    texts: Sequence[str]
    targets: NDArray[np.integer] | NDArray[np.floating]
    weights: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.weights)

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> "PseudoLabels":
        """Return the pseudo-labels whose `state_dict` this is."""
        return cls(texts=state["texts"], targets=state["targets"].numpy(), weights=state["weights"].numpy())

    def state_dict(self) -> dict[str, Any]:
        """Return what a checkpoint holds of them."""
        tensors = {"targets": torch.from_numpy(self.targets), "weights": torch.from_numpy(self.weights)}
        return {"texts": list(self.texts), **tensors}

    @classmethod
    def of(cls, logits: Tensor, thresholds: NDArray[np.floating] | None, texts: Sequence[str]) -> "PseudoLabels":
        """Take the label of each row of logits (texts, labels), or with `thresholds` (labels,) those above them.

        A weight is (p - 1/K) / (1 - 1/K) where p is the probability of one of K labels, else the mean of |2p - 1|.
        """
        if thresholds is not None:
            stated = torch.sigmoid(logits).numpy()
            sure = np.abs(2 * stated - 1).mean(axis=1)
            targets = labels_above(stated, thresholds).astype(np.float32)
            return cls(texts=texts, targets=targets, weights=sure.astype(np.float32))
        best, labels = torch.softmax(logits, dim=1).max(dim=1)
        guess = 1 / logits.shape[1]
        weights = ((best - guess) / (1 - guess)).clamp_min(0)
        return cls(texts=texts, targets=labels.numpy(), weights=weights.numpy())

    def appended_to(self, corpus: Corpus, labels: LabelSet) -> Corpus:
        """Return the rows of a corpus and, after them, the texts with their pseudo-labels.

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


def pseudo_label(
    context: TrainingContext, model: CalibratedModel, texts: Sequence[str], corpus: Corpus
) -> PseudoLabels:
    """Return the pseudo-labels that a model trained on a corpus gives to the first texts, up to `MOST` tokens."""
    count = sum(map(len, leading_rows(encoded(context.tokenizer, texts), MOST)))
    unlabeled = replace(
        corpus,
        texts=texts[:count],
        label_lists=[("",)] * count,
        weights=None,
        locations=[""] * count,
        rationales=None,
    )
    char_ngrams = model.ensemble is not None
    examples = Examples.of(unlabeled, context.tokenizer, context.labels, char_ngrams=char_ngrams)
    logits = predict_logits(model.network.eval(), examples, char_ngrams=char_ngrams, labels=len(context.labels))
    return PseudoLabels.of(logits, model.thresholds if context.labels.multi_label else None, texts[:count])
