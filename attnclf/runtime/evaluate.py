"""A loaded model against labelled rows."""

import dataclasses
from collections.abc import Iterable

import numpy as np

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

    Raises DataError when the corpus has several labels a row and the model one.
    """
    if corpus.multi_label and not classifier.multi_label:
        raise DataError("these rows have several labels each, the model gives one", fix="pass rows with one label")
    metrics.refuse_none(len(corpus))
    size = min(CHUNK, max(CELLS // len(classifier.labels), 1))
    chunks = (list(corpus.texts[start : start + size]) for start in range(0, len(corpus), size))
    return _several(classifier, corpus, chunks) if classifier.multi_label else _single(classifier, corpus, chunks)


def _single(classifier: Classifier, corpus: Corpus, chunks: Iterable[list[str]]) -> Metrics:
    """Score a model with one label a row; no probabilities are kept but those that count."""
    true = LabelSet(classifier.labels, False).encode(corpus.label_lists)
    parts, start = [], 0
    for chunk in chunks:
        stated = classifier.predict_proba(chunk)
        before = uncalibrated(stated, classifier.temperature, multi_label=False)
        decisions = metrics.decisions(true[start : start + len(chunk)], stated)
        parts.append((*decisions, before.max(axis=1), before.argmax(axis=1)))
        start += len(chunk)
    predicted, surest, likelihood, sure, best = (np.concatenate(part) for part in zip(*parts, strict=True))
    scored = metrics.decided(true, predicted, surest, likelihood, classifier.labels)
    return dataclasses.replace(scored, ece_before=calibrate(sure, best == true).ece)


def _several(classifier: Classifier, corpus: Corpus, chunks: Iterable[list[str]]) -> Metrics:
    """Score a model with several labels a row."""
    parts = [classifier.probabilities_and_labels(chunk) for chunk in chunks]
    probabilities, predicted = (np.concatenate(part) for part in zip(*parts, strict=True))
    del parts
    names = classifier.labels
    before = uncalibrated(probabilities, classifier.temperature, multi_label=True)
    known = LabelSet(names, True).widened(corpus.label_lists)
    marks = known.encode(corpus.label_lists).astype(np.int64)
    scored = metrics.multi(marks, probabilities, known.names, predicted)
    return dataclasses.replace(
        scored,
        unknown=int(marks[:, len(names) :].any(axis=1).sum()),
        ece_before=calibrate(metrics.widened(before, marks), marks > 0).ece,
    )
