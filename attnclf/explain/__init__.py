"""Explanations: which words decided. The package is a function too: `attnclf.explain(model, texts)`."""

import sys
from collections.abc import Iterable
from os import PathLike, fspath
from types import ModuleType
from typing import TYPE_CHECKING, Any

from attnclf.errors import speaks_of_arguments

if TYPE_CHECKING:
    from attnclf.explain.types.explanation import Explanation
    from attnclf.runtime.classifier import Classifier


class _Callable(ModuleType):
    @speaks_of_arguments
    def __call__(
        self,
        model: "str | PathLike[str] | Classifier",
        texts: Iterable[str],
        *,
        method: str = "attention",
        **options: Any,
    ) -> "list[Explanation]":
        """Return an explanation for each text: its words, and the weight of each in the decision.

        `model` is a classifier, or the folder of one. The options are those of `attnclf.explain.explain.explain`:
        `against`, `faithfulness`, `maps`, `layer`, `head`. Raises ConfigError for an unknown method or label, and
        TypeError where texts is one string.
        """
        from attnclf.runtime.classifier import Classifier

        classifier = model if isinstance(model, Classifier) else Classifier.load(fspath(model))
        return classifier.explain(texts, method=method, **options)


sys.modules[__name__].__class__ = _Callable
