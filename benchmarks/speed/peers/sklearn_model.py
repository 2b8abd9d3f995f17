"""TF-IDF and logistic regression as a command: `… train FILE MODEL`, `… predict MODEL FILE`.

FILE for training is that of fastText, a `__label__` in front of each line; predictions go to stdout, a label a line.
Features are words, pairs of words, and pieces of words of two to five letters. The regression is scikit-learn's, with
twice its 100 steps, within which it converges.
"""

import sys
from pathlib import Path

import joblib
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline, make_union


def train(file: str, model: str) -> None:
    """Fit and save."""
    lines = [line.split(" ", 1) for line in Path(file).read_text(encoding="utf-8").splitlines()]
    features = make_union(
        TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True),
        TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True),
    )
    classifier = make_pipeline(features, LogisticRegression(C=10, max_iter=200))
    classifier.fit([text for _, text in lines], [label for label, _ in lines])
    joblib.dump(classifier, model)


def predict(model: str, file: str) -> None:
    """Label the lines of a file."""
    labels = joblib.load(model).predict(Path(file).read_text(encoding="utf-8").splitlines())
    sys.stdout.write("".join(f"{label}\n" for label in labels))


if __name__ == "__main__":
    {"train": train, "predict": predict}[sys.argv[1]](*sys.argv[2:])
