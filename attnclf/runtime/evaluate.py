"""A loaded model against labelled rows."""

import numpy as np

from attnclf.data.corpus import Corpus
from attnclf.data.labels import LabelSet
from attnclf.errors import DataError
from attnclf.evaluation import metrics
from attnclf.evaluation.metrics import Metrics
from attnclf.runtime.classifier import Classifier

CHUNK = 8192  # texts at a time


def evaluate(classifier: Classifier, corpus: Corpus) -> Metrics:
    """Score the model on a corpus; rows with a label that it does not know count as wrong.

    Raises DataError when the corpus has several labels a row and the model one, or the other way round.
    """
    if corpus.multi_label and not classifier.multi_label:
        raise DataError("these rows have several labels each, the model gives one", fix="pass rows with one label")
    labels = LabelSet(classifier.labels, classifier.multi_label)
    true = labels.encode(corpus.label_lists)
    probabilities = np.concatenate(
        [classifier.probabilities(list(corpus.texts[start : start + CHUNK])) for start in range(0, len(corpus), CHUNK)]
    )
    if classifier.multi_label:
        return metrics.multi(true.astype(np.int64), probabilities, classifier.labels, classifier.thresholds)
    return metrics.single(true, probabilities, classifier.labels)
