"""The classifier as a scikit-learn estimator: for pipelines, cross-validation and searches."""

import io
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import _check_sample_weight, check_consistent_length, check_is_fitted, column_or_1d

from attnclf.api import keep, load, train
from attnclf.data.cells import label_of
from attnclf.data.readers.memory import plain
from attnclf.runtime.classifier import listed


class AttnclfClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A text classifier for scikit-learn. X is a list or column of strings, y has labels or is an indicator matrix.

    The parameters are arguments of `attnclf.train`; `settings` are nested: {"training": {"dropout": 0.2}}. After `fit`,
    `classes_` has the labels in sorted order, of the type of y; of an indicator matrix, the numbers of its columns.
    `classifier_` is the trained model, which explains too. A pickle of the estimator contains the model.
    """

    def __init__(
        self,
        *,
        preset: str = "balanced",
        seed: int | None = None,
        settings: Mapping[str, Any] | None = None,
        epochs: int | None = None,
        time_limit: float | None = None,
        device: Literal["auto", "cpu", "cuda"] = "auto",
    ) -> None:
        self.preset = preset
        self.seed = seed
        self.settings = settings
        self.epochs = epochs
        self.time_limit = time_limit
        self.device = device

    def fit(self, X: Any, y: Any, sample_weight: ArrayLike | None = None) -> "AttnclfClassifier":  # noqa: N803
        """Train on X, (texts,), and y, (texts,) or (texts, labels). `sample_weight`, (texts,), weights each text.

        A text of weight 0 is left out. Raises ValueError for y and weights that do not fit X, TypeError for X that is
        not texts, and an AttnclfError for texts that cannot be learned from.
        """
        texts = listed(X)
        check_classification_targets(y)
        self.multi_label_ = type_of_target(y) == "multilabel-indicator"
        if self.multi_label_:
            targets = np.asarray(y.toarray() if hasattr(y, "toarray") else y)
            self.classes_ = np.arange(targets.shape[1])
        else:
            targets = column_or_1d(y, warn=True)
            self.classes_, targets = np.unique(targets, return_inverse=True)
        check_consistent_length(texts, targets)
        weights = _check_sample_weight(sample_weight, texts, ensure_non_negative=True)
        names = [label_of(plain(label)) for label in self.classes_]
        if len(set(names)) < len(names):
            raise ValueError(f"y has classes that differ only in spaces or type: {names}")
        if not self.multi_label_ and len(np.unique(targets[weights > 0])) < 2:
            raise ValueError("y has one class only")
        named: list[Any] = [
            [names[column] for column in np.flatnonzero(target)] if self.multi_label_ else names[target]
            for target in targets
        ]
        rows = [
            {"text": text, "label": label, "weight": weight}
            for text, label, weight in zip(texts, named, weights.tolist(), strict=True)
            if weight
        ]
        self.classifier_ = train(
            rows,
            quiet=True,
            text_column="text",
            label_column="label",
            weight_column=None if sample_weight is None else "weight",
            baseline=False,
            **self.get_params(deep=False),
        )
        self._columns = [names.index(label) for label in self.classifier_.labels]
        return self

    def predict_proba(self, X: Any) -> NDArray[np.float64]:  # noqa: N803
        """Return the probability of each class for each text, (texts, classes), in the order of `classes_`."""
        check_is_fitted(self)
        return self._aligned(self.classifier_.predict_proba(listed(X)).astype(np.float64))

    def predict(self, X: Any) -> NDArray[Any]:  # noqa: N803
        """Return the class of each text, (texts,); of a multi-label model an indicator matrix, (texts, classes)."""
        check_is_fitted(self)
        if self.multi_label_:
            _, chosen = self.classifier_.probabilities_and_labels(listed(X))
            return self._aligned(chosen.astype(np.int64))
        return np.asarray(self.classes_[self.predict_proba(X).argmax(axis=1)])

    def _aligned(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return the columns of the model's labels in the order of `classes_`; zeros for a class without rows."""
        aligned = np.zeros((len(values), len(self.classes_)), dtype=values.dtype)
        aligned[:, self._columns] = values
        return aligned

    def __getstate__(self) -> dict[str, Any]:
        state = dict(super().__getstate__())
        if "classifier_" in state:
            content, folder = io.BytesIO(), state["classifier_"].bundle.folder
            with zipfile.ZipFile(content, "w") as packed:
                for path in sorted(folder.rglob("*")):
                    packed.write(path, path.relative_to(folder))
            state["classifier_"] = content.getvalue()
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        if "classifier_" in state:
            folder = Path(tempfile.mkdtemp(prefix="attnclf-"))
            with zipfile.ZipFile(io.BytesIO(state["classifier_"])) as packed:
                packed.extractall(folder)
            state = {**state, "classifier_": keep(load(folder), folder)}
        super().__setstate__(state)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.string, tags.input_tags.two_d_array = True, False
        tags.classifier_tags.multi_label = True
        return tags
