"""Texts as a model read them: encoded once and predicted once, for any number of methods."""

from collections.abc import Sequence
from dataclasses import dataclass

from attnclf.explain.perturbation import PerturbationScorer
from attnclf.explain.target import ExplanationTarget, targets_for
from attnclf.runtime.classifier import Classifier
from attnclf.runtime.prediction import Prediction


@dataclass(frozen=True, slots=True)
class ReadTexts:
    """Predictions of texts, their targets (None for a blank text), and the scorer of their edited copies."""

    predictions: list[Prediction]
    targets: list[ExplanationTarget | None]
    scorer: PerturbationScorer

    @classmethod
    def of(
        cls, classifier: Classifier, texts: Sequence[str], named: Sequence[str] = (), against: str | None = None
    ) -> "ReadTexts":
        """Read texts; `named` are further outputs to predict, `against` a label that the best one is compared with."""
        encoded = classifier.encoded(texts)
        predictions = classifier.predict_encoded(texts, encoded, named=named)
        targets = targets_for(classifier, encoded, predictions, against)
        return cls(predictions, targets, PerturbationScorer.of(classifier, encoded))

    @property
    def filled(self) -> list[ExplanationTarget]:
        """The targets of the texts that are not blank."""
        return [target for target in self.targets if target is not None]
