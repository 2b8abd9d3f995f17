"""What a contender does, and how one of several settings is chosen: by validation rows, always in the same way."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy import scores
from benchmarks.accuracy.datasets import Dataset, Rows

Predict = Callable[[Sequence[str]], NDArray[np.int64]]
State = Callable[[Sequence[str]], NDArray[np.floating]]  # texts → probabilities or margins (rows, labels)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """A trained model: its labels of texts, its validation score in percent, its size, and what was chosen.

    `ece`, where probabilities are calibrated, is their expected error on rows before and after that.
    """

    predict: Predict
    valid: float
    megabytes: float
    seconds: float
    chosen: str = ""
    ece: Callable[[Rows], tuple[float, float]] | None = None


@dataclass(frozen=True, slots=True)
class Contender:
    """`fit` takes a dataset, a seed and a folder of its own for files."""

    name: str
    fit: Callable[[Dataset, int, Path], Fitted]
    seeded: bool = False  # whether other seeds give other models


def best_of(
    dataset: Dataset,
    settings: Iterable[Any],
    fit: Callable[[Rows, Any], State],
    megabytes: Callable[[State], float],
) -> Fitted:
    """Fit each of the settings, keep the one that does best on validation rows, and fit it to all training rows.

    With several labels a row, the one threshold is chosen on validation rows too.
    """
    start = time.perf_counter()
    parts = dataset.parts()
    tried = []
    for setting in settings:
        state = fit(parts.train, setting)
        stated = state(parts.valid.texts)
        level = scores.threshold(parts.valid.targets, stated)
        tried.append((scores.accuracy(parts.valid.targets, scores.decided(stated, level)), setting, level, state))
    valid, setting, level, state = max(tried, key=lambda one: one[0])
    if parts.final is not parts.train:
        state = fit(parts.final, setting)
    return Fitted(
        predict=lambda texts: scores.decided(state(texts), level),
        valid=valid,
        megabytes=megabytes(state),
        seconds=time.perf_counter() - start,
        chosen=str(setting),
    )
