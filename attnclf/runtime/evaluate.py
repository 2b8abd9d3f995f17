"""A loaded model against labelled rows."""

import dataclasses

import numpy as np

from attnclf.data.corpus import Corpus
from attnclf.data.labels import LabelSet
from attnclf.errors import DataError
from attnclf.evaluation import metrics
from attnclf.evaluation.calibration import calibrate, uncalibrated
from attnclf.evaluation.metrics import Metrics
from attnclf.runtime.classifier import Classifier

CHUNK = 8192  # texts at a time


def evaluate(classifier: Classifier, corpus: Corpus) -> Metrics:
    """Score the model on a corpus; a label that it does not know counts as missed.

    Raises DataError when the corpus has several labels a row and the model one.
    """
    if corpus.multi_label and not classifier.multi_label:
        raise DataError("these rows have several labels each, the model gives one", fix="pass rows with one label")
    parts = [classifier.judge(list(corpus.texts[start : start + CHUNK])) for start in range(0, len(corpus), CHUNK)]
    probabilities, said = (np.concatenate(part) for part in zip(*parts, strict=True))
    names = classifier.labels
    before = uncalibrated(probabilities, classifier.temperature, multi_label=classifier.multi_label)
    if not classifier.multi_label:
        true = LabelSet(names, False).encode(corpus.label_lists)
        ece = calibrate(before.max(axis=1), before.argmax(axis=1) == true).ece
        return dataclasses.replace(metrics.single(true, probabilities, names), ece_before=ece)
    known = LabelSet(names, True).widened(corpus.label_lists)
    marks = known.encode(corpus.label_lists).astype(np.int64)
    scored = metrics.multi(marks, probabilities, known.names, said)
    return dataclasses.replace(
        scored,
        unknown=int(marks[:, len(names) :].any(axis=1).sum()),
        ece_before=calibrate(metrics.widened(before, marks), marks > 0).ece,
    )
