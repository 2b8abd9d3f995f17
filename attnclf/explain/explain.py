"""Texts → explanations: predict, weigh the units by a method, and sum the units of each displayed word."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from attnclf.errors import ConfigError
from attnclf.explain.explanation import Explanation, Word
from attnclf.explain.maps import MAPS
from attnclf.explain.methods import METHODS
from attnclf.runtime.classifier import Classifier, Prediction
from attnclf.text.tokenizer import words

CONTRIBUTIONS = "contributions"  # the output of a `Mixture` that says what its n-grams add


def explain(classifier: Classifier, texts: Sequence[str], *, method: str = "attention") -> list[Explanation]:
    """Return an explanation for each text. Raises ConfigError for an unknown method."""
    if method not in METHODS:
        raise ConfigError(f"unknown method {method!r}", fix=f"use one of: {', '.join(METHODS)}")
    pictures = MAPS.get(classifier.bundle.pictures)
    wanted = [*(pictures.outputs if pictures else ()), *({CONTRIBUTIONS} & classifier.session.axes.keys())]
    predictions = classifier.predict(texts, named=wanted)
    weights = METHODS[method](classifier, texts, predictions)
    return [
        _explanation(classifier, text, prediction, row, method)
        for text, prediction, row in zip(texts, predictions, weights, strict=True)
    ]


def _explanation(
    classifier: Classifier, text: str, prediction: Prediction, weights: NDArray[np.float32], method: str
) -> Explanation:
    pieces = classifier.tokenizer.pieces(text)
    read = pieces[: len(weights)]
    added = _contributions(classifier, prediction)
    spans = list(words(text, read))
    shown = tuple(
        Word(
            text=text[read[first].start : read[last - 1].end],
            start=read[first].start,
            end=read[last - 1].end,
            weight=float(weights[first:last].sum()),
            contribution=None if added is None else float(added[first:last].sum()),
        )
        for first, last in spans
    )
    pictures = MAPS.get(classifier.bundle.pictures)
    units = [(piece.id, text[piece.start : piece.end]) for piece in read]
    return Explanation(
        text=text,
        label=prediction.label,
        score=prediction.score,
        labels=tuple(classifier.ranked(prediction)) if prediction.label is not None else (),
        chosen=prediction.chosen,
        method=method,
        words=shown,
        truncated_at=read[-1].end if len(pieces) > len(read) else None,
        maps=pictures.draw(prediction, shown, spans, units) if pictures else (),
    )


def _contributions(classifier: Classifier, prediction: Prediction) -> NDArray[np.float32] | None:
    """Return what each unit adds to the logit of the best label by way of the n-grams, where the model has some."""
    if prediction.label is None or CONTRIBUTIONS not in prediction.named:
        return None
    added: NDArray[np.float32] = prediction.named[CONTRIBUTIONS][:, classifier.labels.index(prediction.label)]
    return added
