"""POST /predict: the records of `attnclf predict --format jsonl`."""

import asyncio
from collections.abc import Callable, Sequence

from starlette.requests import Request
from starlette.responses import Response

from attnclf.runtime.classifier import Classifier, Prediction
from attnclf.runtime.records import record
from attnclf.serve.attending import attended
from attnclf.serve.limits import body_of, check_texts
from attnclf.serve.models import Model, Rendered
from attnclf.serve.replies import as_json, json_reply
from attnclf.serve.requests import PredictOptions, PredictRequest, options_of, options_of_list, read_as
from attnclf.serve.service import Service
from attnclf.serve.streaming import Streamed, streams_in, streams_out


async def predict(request: Request, service: Service) -> Response:
    """Label one text, or a list: `{"predictions": [...]}` in its order."""
    if streams_in(request):
        options, name, stream = options_of(PredictOptions, request)
        model = service.models.get(name)
        return Streamed(request, service, model, _lines(model, options), stream)
    body = await body_of(request, service.limits, service.bodies)
    try:
        asked = read_as(PredictRequest, body)
        stream = options_of_list(request, lines=streams_out(request))
        model = service.models.get(asked.model)
        texts = asked.all(model.columns)
        check_texts(texts, service.limits)
        if streams_out(request):
            return Streamed(request, service, model, _lines(model, asked), stream, texts)
        answer = model.predict(texts, asked.threshold, _reply(asked, single=asked.is_single))
        return await attended(request.receive, answer, service.limits.deadline)
    finally:
        service.bodies.give_back(len(body))


def _reply(options: PredictOptions, *, single: bool) -> Rendered:
    """Return what makes the reply of predictions: the record of a single text, or those of a list."""

    def made(classifier: Classifier, texts: Sequence[str], predictions: list[Prediction]) -> Response:
        records = [record(classifier, one, options.top_k, attention=options.attention) for one in predictions]
        return json_reply(records[0] if single else {"predictions": records})

    return made


def _lines(model: Model, options: PredictOptions) -> Callable[[Sequence[str]], "asyncio.Future[list[bytes]]"]:
    """Return what queues texts of a stream; the answer has a line for each."""

    def made(classifier: Classifier, texts: Sequence[str], predictions: list[Prediction]) -> list[bytes]:
        return [as_json(record(classifier, one, options.top_k, attention=options.attention)) for one in predictions]

    return lambda texts: model.predict(texts, options.threshold, made)
