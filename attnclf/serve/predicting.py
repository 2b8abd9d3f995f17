"""POST /predict: the records of `attnclf predict --format jsonl`."""

from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, Request, Response

from attnclf.runtime.classifier import Classifier, Prediction
from attnclf.runtime.records import record, record_with_attention
from attnclf.serve.attending import attended
from attnclf.serve.limits import body_of, check_texts
from attnclf.serve.replies import described, json_reply
from attnclf.serve.requests import PredictOptions, PredictRequest, read_as
from attnclf.serve.service import Service

router = APIRouter()


@router.post("/predict", **described(PredictRequest, "Label texts."))
async def predict(request: Request) -> Response:
    """Label one text, or a list: `{"predictions": [...]}` in its order."""
    service: Service = request.app.state.service
    body = await body_of(request, service.limits, service.bodies)
    try:
        asked = read_as(PredictRequest, body)
        texts = asked.all
        check_texts(texts, service.limits)
        model = service.models.get(asked.model)
        answer = model.predict(texts, asked.threshold, Records(asked, single=asked.texts is None))
        return await attended(request, answer, service.limits.deadline)
    finally:
        service.bodies.give_back(len(body))


def records(
    classifier: Classifier, texts: Sequence[str], predictions: Sequence[Prediction], options: PredictOptions
) -> list[dict[str, Any]]:
    """Return what is said of each text."""
    if not options.attention:
        return [record(classifier, prediction, options.top_k) for prediction in predictions]
    return [
        record_with_attention(classifier, text, prediction, options.top_k)
        for text, prediction in zip(texts, predictions, strict=True)
    ]


class Records:
    """Makes the reply of predictions."""

    __slots__ = ("options", "single")

    def __init__(self, options: PredictOptions, *, single: bool) -> None:
        self.options, self.single = options, single

    def __call__(self, classifier: Classifier, texts: Sequence[str], predictions: Sequence[Prediction]) -> Response:
        """Return the object for a single text, or the list."""
        said = records(classifier, texts, predictions, self.options)
        return json_reply(said[0] if self.single else {"predictions": said})
