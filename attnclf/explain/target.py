"""What an explanation explains: the label of one text, or this label rather than another, as a number of the logits."""

from collections.abc import Sequence
from dataclasses import dataclass
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from attnclf.runtime.classifier import Classifier, Encoded
from attnclf.runtime.prediction import Prediction
from attnclf.text.ragged import UNKNOWN_ID

Ids = NDArray[np.int64]

FEW = 16  # texts explained at a time if many edited copies of each are made


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplanationTarget:
    """The question why a text has this label, or this label rather than another one.

    `label` and `against` are indices of labels. `ids` (tokens,) are what the network read; unknown words are numbered
    from the size of the vocabulary on. With `independent`, each label has its own probability, the sigmoid of its
    logit. `seed` is for methods that sample: the same for the same text, in any company.
    """

    ids: Ids
    prediction: Prediction
    label: int
    against: int | None = None
    independent: bool = False
    seed: int = 0

    def value(self, logits: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return the number that signed methods explain: (…, labels) → (…).

        It is the log-odds ln p / (1 - p) of the label. Unlike p it does not saturate; unlike a logit under a softmax it
        does not rise when all logits do. With `against` it is the difference of two logits: ln p_label / p_against
        under a softmax, the difference of their log-odds if labels are independent.
        """
        exact = logits.astype(np.float64)
        own = exact[..., self.label]
        if self.against is not None:
            value: NDArray[np.float64] = own - exact[..., self.against]
            return value
        return own if self.independent else own - self._others(exact)

    def slope(self, logits: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return ∂ value / ∂ logits: (…, labels) → (…, labels)."""
        exact = logits.astype(np.float64)
        slope = np.zeros_like(exact)
        if self.against is not None:
            slope[..., self.against] = -1
        elif not self.independent:
            # At most 0 except at the label itself, which is overwritten.
            slope = -np.exp(np.minimum(exact - self._others(exact)[..., np.newaxis], 0))
        slope[..., self.label] = 1
        return slope

    def probability(self, logits: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return the probability of the label: (…, labels) → (…)."""
        exact = logits.astype(np.float64)
        own = exact[..., self.label]
        other = np.zeros_like(own) if self.independent else self._others(exact)
        probability: NDArray[np.float64] = np.exp(own - np.logaddexp(own, other))
        return probability

    def _others(self, logits: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the logarithm of the summed exponentials of all labels but this one: (…, labels) → (…)."""
        others = logits.copy()
        others[..., self.label] = -np.inf
        summed: NDArray[np.float64] = np.logaddexp.reduce(others, axis=-1)
        return summed


def targets_for(
    classifier: Classifier, encoded: Encoded, predictions: Sequence[Prediction], against: str | None = None
) -> list[ExplanationTarget | None]:
    """Return for each text the target of its best label, compared with `against` if given; None for a blank text.

    A text whose best label is `against` is compared with its second best label.
    """
    places = {name: place for place, name in enumerate(classifier.labels)}
    # Numbers of numeric columns, in place of ids, may be larger than any whole number.
    ids, starts = np.clip(encoded.tokens.ids, -(2**62), 2**62).astype(np.int64), encoded.tokens.offsets
    targets: list[ExplanationTarget | None] = []
    for row, prediction in enumerate(predictions):
        if prediction.label is None:
            targets.append(None)
            continue
        label = places[prediction.label]
        other = None if against is None else places[against]
        if other == label:
            order = np.argsort(-prediction.probabilities, kind="stable")
            other = int(order[order != label][0])
        own = ids[starts[row] : starts[row + 1]]
        targets.append(
            ExplanationTarget(
                ids=own,
                prediction=prediction,
                label=label,
                against=other,
                independent=classifier.multi_label,
                seed=crc32(np.where(own < classifier.tokenizer.size, own, UNKNOWN_ID).tobytes()),
            )
        )
    return targets
