"""The endpoint of /predict and /explain: texts as JSON or lines in, objects as JSON or lines out."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from attnclf.serve.cancellation import cancel_on_disconnect
from attnclf.serve.limits import body_of, check_texts
from attnclf.serve.models import Model
from attnclf.serve.replies import as_json, json_reply
from attnclf.serve.requests import Input, list_options, parse_body, query_options
from attnclf.serve.service import Endpoint, Service
from attnclf.serve.streaming import WINDOW, StreamedReply, streams_in, streams_out

Objects = list[dict[str, Any]]
# Queues texts with their options; the future has what the function makes of their objects.
Queue = Callable[[Model, Sequence[str], Any, Callable[[Objects], Any]], "asyncio.Future[Any]"]


def text_endpoint(
    service: Service, queue: Queue, options: type[BaseModel], body: type[Input], key: str, window: int = WINDOW
) -> Endpoint:
    """Return the endpoint that answers a single text with its object, and a list by `{key: objects}`.

    `options` are the query parameters of a body of lines, of which `window` are queued together.
    """

    def lines(model: Model, options: BaseModel) -> Callable[[Sequence[str]], "asyncio.Future[list[bytes]]"]:
        return lambda texts: queue(model, texts, options, lambda objects: list(map(as_json, objects)))

    async def endpoint(request: Request) -> Response:
        if streams_in(request):
            chosen, name, stream = query_options(options, request)
            model = service.models.get(name)
            return StreamedReply(request, service, model, lines(model, chosen), stream, window=window)
        content = await body_of(request, service.limits, service.bodies)
        try:
            asked = parse_body(body, content)
            stream = list_options(request, lines=streams_out(request))
            model = service.models.get(asked.model)
            texts = asked.all_texts(model.columns)
            check_texts(texts, service.limits)
            if streams_out(request):
                return StreamedReply(request, service, model, lines(model, asked), stream, texts, window)
            reply = queue(
                model, texts, asked, lambda objects: json_reply(*objects if asked.is_single else [{key: objects}])
            )
            return await cancel_on_disconnect(request.receive, reply, service.limits.deadline)
        finally:
            service.bodies.release(len(content))

    return endpoint
