"""scikit-learn: TF-IDF of words, word pairs and pieces of words, with a linear SVM or with logistic regression."""

import pickle
import warnings
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_union
from sklearn.svm import LinearSVC

from attnclf.training.baseline import WORD, unspaced
from benchmarks.accuracy.contender import Contender, Fitted, best_of
from benchmarks.accuracy.datasets import Dataset, Rows

MODELS = {
    "svm": (LinearSVC, (0.03, 0.1, 0.3, 1.0)),
    "logistic": (partial(LogisticRegression, solver="liblinear", dual=True, tol=0.01), (1.0, 10.0, 100.0)),
}


def features(texts: Sequence[str]) -> Any:
    """Return a vectorizer, not yet fitted: characters alone where words are not apart."""
    of = partial(TfidfVectorizer, sublinear_tf=True, dtype=np.float32)
    if unspaced(texts):
        return of(analyzer="char", ngram_range=(1, 3))
    return make_union(of(token_pattern=WORD, ngram_range=(1, 2)), of(analyzer="char_wb", ngram_range=(2, 5)))


class Model:
    """A vectorizer and one linear model for each label."""

    def __init__(self, kind: str, rows: Rows, strength: float, memory: dict[int, Any]) -> None:
        if id(rows.texts) not in memory:  # the features do not depend on the strength
            memory.clear()
            vectorizer = features(rows.texts)
            memory[id(rows.texts)] = vectorizer, vectorizer.fit_transform(rows.texts)
        self.vectorizer, values = memory[id(rows.texts)]
        self.model = OneVsRestClassifier(MODELS[kind][0](C=strength))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            self.model.fit(values, rows.targets)

    def __call__(self, texts: Sequence[str]) -> NDArray[np.floating]:
        """Return probabilities, or the logistic function of margins (rows, labels)."""
        values = self.vectorizer.transform(texts)
        margins = self.model.decision_function(values)
        if margins.ndim == 1:
            margins = np.column_stack([-margins, margins])
        stated = np.full((len(texts), int(max(self.model.classes_)) + 1), 0.0)
        stated[:, self.model.classes_] = 1 / (1 + np.exp(-margins))
        return stated


def fit(kind: str, dataset: Dataset, seed: int, folder: Path) -> Fitted:
    """Choose the strength of the regularisation."""
    memory: dict[int, Any] = {}
    return best_of(
        dataset,
        MODELS[kind][1],
        lambda rows, strength: Model(kind, rows, strength, memory),
        lambda model: len(pickle.dumps(model)) / 1e6,
    )


CONTENDERS = [Contender(f"TF-IDF + {kind}", partial(fit, kind)) for kind in MODELS]
