"""POST /predict: the records of `attnclf predict --format jsonl`."""

import asyncio
from collections.abc import Callable, Sequence

from starlette.requests import Request
from starlette.responses import Response

from attnclf.runtime.classifier import Classifier, Prediction
from attnclf.runtime.records import record
from attnclf.serve.cancellation import cancel_on_disconnect
from attnclf.serve.limits import body_of, check_texts
from attnclf.serve.models import BuildReply, Model
from attnclf.serve.replies import as_json, json_reply
from attnclf.serve.requests import PredictOptions, PredictRequest, list_options, parse_body, query_options
from attnclf.serve.service import Endpoint, Service
from attnclf.serve.streaming import StreamedReply, streams_in, streams_out


def predict_endpoint(service: Service) -> Endpoint:
    """Return the endpoint."""

    async def label_texts(request: Request) -> Response:
        """Label one text, or a list; lines in give lines out."""
        if streams_in(request):
            options, name, stream = query_options(PredictOptions, request)
            model = service.models.get(name)
            return StreamedReply(request, service, model, _lines(model, options), stream)
        body = await body_of(request, service.limits, service.bodies)
        try:
            asked = parse_body(PredictRequest, body)
            stream = list_options(request, lines=streams_out(request))
            model = service.models.get(asked.model)
            texts = asked.all_texts(model.columns)
            check_texts(texts, service.limits)
            if streams_out(request):
                return StreamedReply(request, service, model, _lines(model, asked), stream, texts)
            reply = model.predict(texts, asked.threshold, _reply(asked, single=asked.is_single))
            return await cancel_on_disconnect(request.receive, reply, service.limits.deadline)
        finally:
            service.bodies.release(len(body))

    return label_texts


def _reply(options: PredictOptions, *, single: bool) -> BuildReply:
    """Return what builds the reply: the record of a single text, or those of a list."""

    def build(classifier: Classifier, texts: Sequence[str], predictions: list[Prediction]) -> Response:
        records = [record(classifier, one, options.top_k, attention=options.attention) for one in predictions]
        return json_reply(records[0] if single else {"predictions": records})

    return build


def _lines(model: Model, options: PredictOptions) -> Callable[[Sequence[str]], "asyncio.Future[list[bytes]]"]:
    """Return what queues texts of a stream; the result has a line for each."""

    def build(classifier: Classifier, texts: Sequence[str], predictions: list[Prediction]) -> list[bytes]:
        return [as_json(record(classifier, one, options.top_k, attention=options.attention)) for one in predictions]

    return lambda texts: model.predict(texts, options.threshold, build)
