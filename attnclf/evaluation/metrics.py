"""How often a model is right: accuracy, precision, recall, F1 and calibration, from arrays alone.

A ratio with nothing below the line is 0. A macro average is taken over the labels that occur in the truth or in the
predictions. scikit-learn does both with `zero_division=0`.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from attnclf.errors import DataError
from attnclf.evaluation.calibration import Calibration, calibrate

MATRIX = 256  # labels up to which the JSON form has the whole confusion matrix
SMALLEST = 1e-7  # the smallest probability float32 softmax output is trusted with; keeps the log finite


class Metric(NamedTuple):
    """A figure of `Metrics`, by its name there and in JSON; its titles in a table for one label a row and for several.

    A table shows no figure without a title; `percent` figures are shares, 0 to 1.
    """

    key: str
    single: str | None = None
    multi: str | None = None
    percent: bool = True

    def written(self, metrics: "Metrics") -> str:
        """Return the figure as a table shows it."""
        value = getattr(metrics, self.key)
        return f"{100 * value:.1f}" if self.percent else f"{value:.3f}"


METRICS = (
    Metric("accuracy", "accuracy", "exact"),
    Metric("macro_f1", "macro-F1", "macro-F1"),
    Metric("micro_f1", None, "micro-F1"),  # of one label a row it is the accuracy
    Metric("log_loss", percent=False),
    Metric("ece", "ECE", "ECE", percent=False),
    Metric("ece_before", percent=False),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelMetrics:
    """One label: precision, recall and F1, each 0 to 1; rows that have it (`support`), rows that were given it."""

    label: str
    precision: float
    recall: float
    f1: float
    support: int
    predicted: int

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form, without the label's name."""
        return {name: value for name, value in asdict(self).items() if name != "label"}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Metrics:
    """A model's figures on one set of rows; every share is 0 to 1.

    `accuracy` of a multi-label model counts a row as right when its whole set of labels is. `confusions` (pairs, 3)
    has a true label, a predicted one, and how many rows, for each pair that occurs, sorted; None for
    multi-label. `unknown` counts rows whose label the model does not know. They are wrong in accuracy, micro-F1 and
    calibration, and a false alarm for the label they were given. `log_loss` (nats per row) leaves them out; it is None
    when no row is left. `pull` (rows,) is how far each row moves `score` up or down; it sums to 0, and lets two models
    be compared row by row. `ece_before` is the expected calibration error without the temperature, if a model has one.
    """

    rows: int
    unknown: int
    accuracy: float
    macro_f1: float
    micro_f1: float
    log_loss: float | None
    per_label: tuple[LabelMetrics, ...]
    confusions: NDArray[np.int64] | None
    calibration: Calibration
    pull: NDArray[np.float64]
    ece_before: float | None = None

    @property
    def score(self) -> float:
        """The one figure to compare models by: accuracy, or micro-F1 for multi-label."""
        return self.micro_f1 if self.confusions is None else self.accuracy

    @property
    def score_name(self) -> str:
        """What `score` is."""
        return "micro-F1" if self.confusions is None else "accuracy"

    @property
    def confusion(self) -> NDArray[np.int64] | None:
        """How many rows of each true label (rows) got each label (columns), (labels, labels); None for multi-label."""
        if self.confusions is None:
            return None
        matrix = np.zeros((len(self.per_label),) * 2, dtype=np.int64)
        matrix[self.confusions[:, 0], self.confusions[:, 1]] = self.confusions[:, 2]
        return matrix

    @property
    def ece(self) -> float:
        """Expected calibration error, 0 to 1."""
        return self.calibration.ece

    def to_dict(self) -> dict[str, Any]:
        """Return the documented JSON form: `confusion` up to `MATRIX` labels, of more `confusions`."""
        small = len(self.per_label) <= MATRIX
        return {
            "rows": self.rows,
            "unknown": self.unknown,
            **{metric.key: getattr(self, metric.key) for metric in METRICS},
            "per_label": {label.label: label.to_dict() for label in self.per_label},
            "confusion": self.confusion.tolist() if small and self.confusion is not None else None,
            "confusions": None if small or self.confusions is None else self.confusions.tolist(),
            "calibration": self.calibration.to_dict(),
        }


def single(true: NDArray[np.integer], probabilities: NDArray[np.floating], names: Sequence[str]) -> Metrics:
    """Score a model that gives each row its most probable label.

    `true` (rows,) holds label numbers, -1 for a label the model does not know, which the macro average leaves out;
    `probabilities` (rows, labels) sum to 1 in a row. Calibration is that of the most probable label. Raises DataError
    without rows.
    """
    refuse_none(len(probabilities))
    return decided(true, *decisions(true, probabilities), names)


def decisions(
    true: NDArray[np.integer], probabilities: NDArray[np.floating]
) -> tuple[NDArray[np.integer], NDArray[np.floating], NDArray[np.floating]]:
    """Return what `decided` needs of the probabilities (rows, labels); all are (rows,)."""
    likelihood = np.take_along_axis(probabilities, np.maximum(true, 0)[:, None], axis=1)[:, 0]
    return probabilities.argmax(axis=1), probabilities.max(axis=1), likelihood


def decided(
    true: NDArray[np.integer],
    predicted: NDArray[np.integer],
    stated: NDArray[np.floating],
    likelihood: NDArray[np.floating],
    names: Sequence[str],
) -> Metrics:
    """Score as `single` from what it needs of the probabilities: all are (rows,).

    `predicted` are the most probable labels, `stated` their probabilities, `likelihood` those of the true labels.
    """
    rows, labels = len(true), len(names)
    known = true >= 0
    pairs, counts = np.unique(true[known] * labels + predicted[known], return_counts=True)
    confusions = np.stack([pairs // labels, pairs % labels, counts], axis=1)
    right = predicted == true
    per_label = _per_label(
        names,
        hits=np.bincount(true[right], minlength=labels),
        support=np.bincount(true[known], minlength=labels),
        given=np.bincount(predicted, minlength=labels),
    )
    likely = np.asarray(likelihood, np.float64)[known]
    return Metrics(
        rows=rows,
        unknown=int((~known).sum()),
        accuracy=float(right.mean()),
        macro_f1=_macro(per_label),
        micro_f1=float(right.mean()),
        log_loss=float(-np.log(np.maximum(likely, SMALLEST)).mean()) if known.any() else None,
        per_label=per_label,
        confusions=confusions,
        calibration=calibrate(stated, right),
        pull=(right - right.mean()) / rows,
    )


def multi(
    true: NDArray[np.integer],
    probabilities: NDArray[np.floating],
    names: Sequence[str],
    predicted: NDArray[np.bool_],
) -> Metrics:
    """Score a model that gives each row any number of labels.

    `true` (rows, labels) is 0 or 1, `probabilities` (rows, labels) are independent of each other, `predicted` (rows,
    labels) is True where the model gives the label. Labels never seen in training are further columns of `true`, which
    the model never gives; `names` has them too. Calibration is over all rows × labels: how often a label stated with
    probability p is really there. The log loss of a row is the sum over its labels. Raises DataError without rows.
    """
    refuse_none(len(probabilities))
    probabilities, truth = widened(probabilities, true), np.asarray(true, bool)
    predicted = np.asarray(widened(predicted, true), bool)
    hits, support, given = (truth & predicted).sum(axis=0), truth.sum(axis=0), predicted.sum(axis=0)
    per_label = _per_label(names, hits=hits, support=support, given=given)
    micro_f1, decided = _ratio(2 * hits.sum(), support.sum() + given.sum()), truth.sum(axis=1) + predicted.sum(axis=1)
    stated = np.asarray(probabilities, np.float64)
    likelihood = np.where(truth, stated, 1 - stated)
    return Metrics(
        rows=len(probabilities),
        unknown=0,
        accuracy=float((truth == predicted).all(axis=1).mean()),
        macro_f1=_macro(per_label),
        micro_f1=micro_f1,
        log_loss=float(-np.log(np.maximum(likelihood, SMALLEST)).sum(axis=1).mean()),
        per_label=per_label,
        confusions=None,
        calibration=calibrate(stated, truth),
        pull=(2 * (truth & predicted).sum(axis=1) - micro_f1 * decided) / max(decided.sum(), 1),
    )


def widened(predicted: NDArray[Any], true: NDArray[np.integer]) -> NDArray[Any]:
    """Return predictions (rows, labels) with 0 for each further column of the truth: labels the model does not know."""
    return np.pad(predicted, ((0, 0), (0, true.shape[1] - predicted.shape[1])))


def certain(one: Metrics, other: Metrics) -> bool:
    """Whether the difference of two scores on the same rows is more than twice its standard error.

    The rows are compared in pairs; for accuracy this is McNemar's test (1947), for micro-F1 its linearisation.
    """
    return bool(abs(one.score - other.score) > 2 * np.sqrt(((one.pull - other.pull) ** 2).sum()))


def refuse_none(rows: int) -> None:
    """Raise DataError without rows."""
    if rows == 0:
        raise DataError("there are no rows to score", fix="pass data with at least one labelled row")


def _per_label(
    names: Sequence[str], *, hits: NDArray[np.int64], support: NDArray[np.int64], given: NDArray[np.int64]
) -> tuple[LabelMetrics, ...]:
    return tuple(
        LabelMetrics(
            label=name,
            precision=_ratio(hit, predicted),
            recall=_ratio(hit, rows),
            f1=_ratio(2 * hit, rows + predicted),
            support=int(rows),
            predicted=int(predicted),
        )
        for name, hit, rows, predicted in zip(names, hits, support, given, strict=True)
    )


def _macro(per_label: Sequence[LabelMetrics]) -> float:
    occurring = [label.f1 for label in per_label if label.support or label.predicted]
    return sum(occurring) / len(occurring) if occurring else 0.0


def _ratio(part: int, whole: int) -> float:
    return float(part / whole) if whole else 0.0
