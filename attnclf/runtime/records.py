"""A prediction as plain values: what `predict --format jsonl` prints and what the server answers."""

from typing import Any

from attnclf.runtime.classifier import Classifier
from attnclf.runtime.prediction import Prediction


def scored(classifier: Classifier, prediction: Prediction, top: int) -> list[tuple[str, float]]:
    """Return the labels to show with their scores: the `top` best, or the chosen ones of a multi-label model."""
    if prediction.label is None or prediction.score is None:
        return []
    if top == 1 and not classifier.multi_label:
        return [(prediction.label, prediction.score)]
    if top > 1:
        return classifier.ranked(prediction)[:top]
    scores = dict(classifier.ranked(prediction))
    return [(label, scores[label]) for label in prediction.chosen]


def record(classifier: Classifier, prediction: Prediction, top: int = 1, *, attention: bool = False) -> dict[str, Any]:
    """Return label and score, both None for a blank text.

    With a `top` above 1, or for a model with several labels, `labels` has the `top` best labels. With `attention`,
    `tokens` has the tokens that the model read, and `weights` the weight of each.
    """
    values: dict[str, Any] = {"label": prediction.label, "score": rounded(prediction.score)}
    if top > 1 or classifier.multi_label:
        values["labels"] = [
            {"label": label, "score": rounded(score)} for label, score in scored(classifier, prediction, top)
        ]
    if attention:
        values["tokens"] = list(prediction.tokens)
        values["weights"] = [rounded(float(weight)) for weight in prediction.attention]
    return values


def rounded(score: float | None) -> float | None:
    """Return a score with the six digits that are worth printing."""
    return None if score is None else round(score, 6)
