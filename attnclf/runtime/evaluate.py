"""A loaded model against labelled rows."""

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attnclf.data.corpus import Corpus
from attnclf.data.labels import LabelSet
from attnclf.errors import DataError
from attnclf.evaluation import metrics
from attnclf.evaluation.calibration import calibrate, uncalibrated
from attnclf.evaluation.metrics import Metrics
from attnclf.runtime.classifier import Classifier

CHUNK, CELLS = 8192, 2**22  # texts at a time, and texts × labels


def evaluate(classifier: Classifier, corpus: Corpus) -> Metrics:
    """Score the model on a corpus; a label that it does not know counts as missed.

    Raises DataError when the corpus has several labels a row and the model one, or when it has no rows.
    """
    names, several = classifier.labels, classifier.multi_label
    if corpus.multi_label and not several:
        raise DataError("these rows have several labels each, the model gives one", fix="pass rows with one label")
    known = LabelSet(names, several)
    if several:
        known = known.widened(corpus.label_lists)
    true = known.encode(corpus.label_lists)
    metrics.refuse_none(len(true))
    size = min(CHUNK, max(CELLS // len(names), 1))
    parts: list[tuple[NDArray[Any], ...]] = []
    for start in range(0, len(corpus), size):
        chunk = list(corpus.texts[start : start + size])
        if several:
            parts.append(classifier.probabilities_and_labels(chunk))
            continue
        stated = classifier.predict_proba(chunk)  # with one label, only the probabilities that count are kept
        before = uncalibrated(stated, classifier.temperature, multi_label=False)
        decisions = metrics.decisions(true[start : start + len(chunk)], stated)
        parts.append((*decisions, before.max(axis=1), before.argmax(axis=1)))
    columns = [np.concatenate(part) for part in zip(*parts, strict=True)]
    del parts
    if not several:
        predicted, surest, likelihood, sure, best = columns
        scored = metrics.decided(true, predicted, surest, likelihood, names)
        return dataclasses.replace(scored, ece_before=calibrate(sure, best == true).ece)
    probabilities, predicted = columns
    before = uncalibrated(probabilities, classifier.temperature, multi_label=True)
    marks = true.astype(np.int64)
    scored = metrics.multi(marks, probabilities, known.names, predicted)
    return dataclasses.replace(
        scored,
        unknown=int(marks[:, len(names) :].any(axis=1).sum()),
        ece_before=calibrate(metrics.widened(before, marks), marks > 0).ece,
    )
