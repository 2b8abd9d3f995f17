"""The yardstick: TF-IDF and logistic regression on the same rows, because a network should earn its keep."""

import re
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attnclf.evaluation import metrics, thresholds
from attnclf.evaluation.report import Baseline

Rows = tuple[Sequence[str], NDArray[np.integer]]  # texts, and their labels as in attnclf.evaluation.metrics

# Of training text. More of them, or more of them × labels, take longer than about a minute on two cores.
CHARACTERS, WORK = 40_000_000, 200_000_000
LIGHT = 2  # above half of either, only the features that count most are used
STRENGTH = 10.0  # C of the regression; 1 and 100 are no better on the sets it was tried on
RARE_FROM = 5_000  # from so many rows on, pieces that occur in one text only are left out
WORD = r"(?u)\w+|[^\w\s]"  # a word, or one mark such as "!" or an emoji
UNSPACED = re.compile(  # Thai and Lao, Burmese, Khmer, Japanese, Chinese
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
)


def skipped(characters: int, labels: int) -> str | None:
    """Why training text of this many characters, with this many labels, gets no baseline; None if it gets one."""
    if characters > CHARACTERS:
        return f"{characters:,} characters of training text are more than {CHARACTERS:,}"
    if characters * labels > WORK:
        return f"{characters:,} characters of training text × {labels:,} labels are more than {WORK:,}"
    return None


def fit_and_score(
    train: Rows,
    splits: Mapping[str, Rows],
    names: Sequence[str],
    *,
    tune_on: str = "valid",
    whole: Rows | None = None,
    check: Callable[[], None] = lambda: None,
) -> Baseline:
    """Learn a linear model from `train` and score it on every split, by name.

    Labels are numbers (rows,), or 0 and 1 (rows, labels) for a multi-label model. Its one threshold is tuned on the
    split `tune_on`, like the network's; further columns of a split are labels that training has not seen. With `whole`,
    a model of all these rows scores the other splits. `check` is called again and again, and may raise what ends the
    work.
    """
    start = time.perf_counter()
    later = {name: rows for name, rows in splits.items() if name != tune_on} if whole is not None else {}
    stated = _stated(train, {name: rows for name, rows in splits.items() if name not in later}, len(names), check)
    if whole is not None and later:
        stated |= _stated(whole, later, len(names), check)
    if train[1].ndim == 1:
        shares = {name: likely / likely.sum(axis=1, keepdims=True) for name, likely in stated.items()}
        scores = {name: metrics.single(splits[name][1], share, names) for name, share in shares.items()}
    else:
        threshold = thresholds.tune_thresholds(splits[tune_on][1][:, : len(names)], stated[tune_on])
        scores = {}
        for name, likely in stated.items():
            known = splits[name][1]
            unseen = [""] * (known.shape[1] - len(names))
            scores[name] = metrics.multi(known, likely, [*names, *unseen], thresholds.labels_above(likely, threshold))
    return Baseline(splits=scores, seconds=time.perf_counter() - start)


def _stated(
    train: Rows, splits: Mapping[str, Rows], labels: int, check: Callable[[], None]
) -> dict[str, NDArray[np.float32]]:
    """Probabilities (rows, labels) for every split, by a model of the training rows."""
    texts, true = train
    check()
    pieces, features = _pieces(texts, labels)
    check()
    read = {name: pieces.transform(texts) for name, (texts, _) in splits.items()}
    return _regress(features, true[:, None] == np.arange(labels) if true.ndim == 1 else true.astype(bool), read, check)


def _regress(
    features: Any, wanted: NDArray[np.bool_], read: Mapping[str, Any], check: Callable[[], None]
) -> dict[str, NDArray[np.float32]]:
    """Probabilities (rows, labels) for the features of every split: one regression a label, dropped once it has spoken.

    Dual coordinate descent, label against rest, is as accurate here as the multinomial regression and ten times faster.
    """
    from sklearn.linear_model import LogisticRegression

    stated = {name: np.empty((rows.shape[0], wanted.shape[1]), np.float32) for name, rows in read.items()}
    for label, column in enumerate(wanted.T):
        check()
        learnable = column.any() and not column.all()
        if learnable:
            model = LogisticRegression(C=STRENGTH, solver="liblinear", dual=True, tol=0.1, random_state=0)
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", message="Liblinear failed to converge")  # close enough to compare
                model.fit(features, column)
        for name, rows in read.items():
            stated[name][:, label] = model.predict_proba(rows)[:, 1] if learnable else column.all()
    return stated


def _pieces(texts: Sequence[str], labels: int) -> tuple[Any, Any]:
    """A fitted TF-IDF of words and pieces of words, or of characters where words are not apart; and its features."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import make_union

    characters = sum(map(len, texts))
    light = LIGHT * characters > CHARACTERS or LIGHT * characters * labels > WORK
    if unspaced(texts):
        kinds = [("char", (1, 2 if light else 3))]
    else:
        kinds = [("word", (1, 2))] if light else [("word", (1, 2)), ("char_wb", (2, 5))]

    def union(seen_in: int) -> Any:
        return make_union(
            *(
                TfidfVectorizer(
                    analyzer=kind,
                    ngram_range=lengths,
                    min_df=seen_in,
                    sublinear_tf=True,
                    token_pattern=WORD if kind == "word" else None,
                    dtype=np.float32,
                )
                for kind, lengths in kinds
            )
        )

    pieces = union(1 if len(texts) < RARE_FROM else 2)
    try:
        return pieces, pieces.fit_transform(texts)
    except ValueError:  # every word is in one text only, so that nothing was left
        pieces = union(1)
        return pieces, pieces.fit_transform(texts)


def unspaced(texts: Sequence[str]) -> bool:
    """Whether most letters of a sample belong to scripts that are written without spaces between words."""
    sample = "".join(texts[:: max(1, len(texts) // 2_000)])[:400_000]
    return 2 * len(UNSPACED.findall(sample)) > sum(map(str.isalpha, sample))
