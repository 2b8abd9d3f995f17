"""POST /predict: the records of `attnclf predict --format jsonl`."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from attnclf.runtime.classifier import Classifier
from attnclf.runtime.prediction import Prediction
from attnclf.runtime.records import record
from attnclf.serve.endpoint import Objects
from attnclf.serve.models import Model
from attnclf.serve.requests import PredictOptions


def queue_predictions(
    model: Model, texts: Sequence[str], options: PredictOptions, build: Callable[[Objects], Any]
) -> "asyncio.Future[Any]":
    """Queue texts; the future has what `build` makes of their records, in the same thread."""

    def reply(classifier: Classifier, texts: Sequence[str], predictions: list[Prediction]) -> Any:
        return build([record(classifier, one, options.top_k, attention=options.attention) for one in predictions])

    return model.predict(texts, options.threshold, reply)
