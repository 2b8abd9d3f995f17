"""fastText, with the settings that do best on validation rows."""

import re
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attnclf.training.baseline import UNSPACED, WORD
from benchmarks.accuracy.contender import Contender, Fitted, best_of
from benchmarks.accuracy.datasets import Dataset, Rows

SHARED = {"wordNgrams": 2, "bucket": 200_000, "thread": 1, "verbose": 0}
SETTINGS = (
    {"lr": 0.5, "epoch": 25, "dim": 50},
    {"lr": 1.0, "epoch": 25, "dim": 50},
    {"lr": 0.5, "epoch": 50, "dim": 100},
    {"lr": 0.5, "epoch": 25, "dim": 50, "minn": 2, "maxn": 5},
)
LABEL = "__label__"


def spaced(text: str) -> str:
    """Return words and marks in lower case with spaces between; every Chinese character is a word."""
    return " ".join(re.findall(WORD, UNSPACED.sub(r" \g<0> ", text.lower())))


class Model:
    """A model for rows of one label, or with a yes and no for each label (`ova`) for rows of several."""

    def __init__(self, rows: Rows, setting: dict[str, Any]) -> None:
        import fasttext

        several = rows.targets.ndim == 2
        self.labels = rows.targets.shape[1] if several else int(rows.targets.max()) + 1
        with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as file:
            for text, target in zip(rows.texts, rows.targets, strict=True):
                names = np.flatnonzero(target) if several else [target]
                if len(names):  # fastText cannot learn from a row without a label
                    file.write(" ".join([*(f"{LABEL}{name}" for name in names), spaced(text)]) + "\n")
            file.flush()
            loss = "ova" if several else "softmax"
            self.model = fasttext.train_supervised(file.name, loss=loss, **SHARED, **setting)

    def __call__(self, texts: Sequence[str]) -> NDArray[np.floating]:
        """Return probabilities (rows, labels)."""
        stated = np.zeros((len(texts), self.labels))
        # One by one and past the wrapper: for a list it repeats the first probability, for one text it wants numpy 1.
        for row, text in enumerate(texts):
            for value, name in self.model.f.predict(f"{spaced(text)}\n", self.labels, 0.0, "strict"):
                stated[row, int(name.removeprefix(LABEL))] = value
        return stated

    @property
    def megabytes(self) -> float:
        """The size of the saved model."""
        with tempfile.NamedTemporaryFile(suffix=".bin") as file:
            self.model.save_model(file.name)
            return Path(file.name).stat().st_size / 1e6


def fit(dataset: Dataset, seed: int, folder: Path) -> Fitted:
    """Choose the settings."""
    return best_of(dataset, SETTINGS, Model, lambda model: model.megabytes)


CONTENDERS = [Contender("fastText", fit)]
