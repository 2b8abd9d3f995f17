"""POST /explain: the objects of `attnclf explain --format json`."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from attnclf.errors import ConfigError
from attnclf.explain import choice
from attnclf.explain.explain import compare, explain
from attnclf.explain.methods import METHODS
from attnclf.serve.cancellation import cancel_on_disconnect
from attnclf.serve.limits import body_of, check_texts
from attnclf.serve.models import Loaded, Model
from attnclf.serve.replies import as_json, json_reply
from attnclf.serve.requests import ExplainOptions, ExplainRequest, list_options, parse_body, query_options
from attnclf.serve.service import Endpoint, Service
from attnclf.serve.streaming import StreamedReply, streams_in, streams_out


def explain_endpoint(service: Service) -> Endpoint:
    """Return the endpoint."""

    async def explain_texts(request: Request) -> Response:
        """Show which words mattered for the label of one text, or of each of a list; lines in give lines out."""
        if streams_in(request):
            options, name, stream = query_options(ExplainOptions, request)
            model = service.models.get(name)
            return StreamedReply(request, service, model, _lines(model, options), stream, window=1)
        body = await body_of(request, service.limits, service.bodies)
        try:
            asked = parse_body(ExplainRequest, body)
            stream = list_options(request, lines=streams_out(request))
            model = service.models.get(asked.model)
            texts = asked.all_texts(model.columns)
            check_texts(texts, service.limits)
            if streams_out(request):
                return StreamedReply(request, service, model, _lines(model, asked), stream, texts, window=1)
            queued = _queued(model, texts, asked)
            objects = await cancel_on_disconnect(request.receive, queued, service.limits.deadline)
            return json_reply(objects[0] if asked.is_single else {"explanations": objects})
        finally:
            service.bodies.release(len(body))

    return explain_texts


def _lines(model: Model, options: ExplainOptions) -> Callable[[Sequence[str]], "asyncio.Future[list[bytes]]"]:
    """Return what queues texts of a stream; the result has a line for each."""
    return lambda texts: model.explain(
        len(texts), lambda loaded: [as_json(one) for one in _explained(model, loaded, texts, options, lambda: True)]
    )


def _queued(model: Model, texts: Sequence[str], options: ExplainOptions) -> "asyncio.Future[list[dict[str, Any]]]":
    """Queue texts; a text may take many runs of the network, so a cancelled request leaves out the rest."""
    cancelled = threading.Event()  # not the future: the work may begin before there is one
    future = model.explain(
        len(texts), lambda loaded: _explained(model, loaded, texts, options, lambda: not cancelled.is_set())
    )
    future.add_done_callback(lambda done: cancelled.set() if done.cancelled() else None)
    return future


def _explained(
    model: Model, loaded: Loaded, texts: Sequence[str], options: ExplainOptions, wanted: Callable[[], bool]
) -> list[dict[str, Any]]:
    explainer = _explainer(loaded, options)
    objects = []
    for text in texts:
        if not wanted():
            break
        objects.append(explainer(text))
        model.count_explained()
    return objects


def _explainer(loaded: Loaded, asked: ExplainOptions) -> Callable[[str], dict[str, Any]]:
    """Return what explains a text. Raises ConfigError for options that make no sense for the model."""
    classifier = loaded.classifier
    named = [asked.method] if isinstance(asked.method, str) else asked.method or []
    methods = (
        [] if asked.compare and not named else choice.resolved(classifier, named, contrast=asked.against is not None)
    )
    if unknown := next((name for name in methods if name not in METHODS), None):
        raise ConfigError(f"unknown method {unknown!r}", fix=f"use: {', '.join(loaded.methods)}, auto")
    if any(METHODS[name].torch for name in methods):
        raise ConfigError("the server has no torch, which this method needs", fix=f"use: {', '.join(loaded.methods)}")
    if asked.compare or len(methods) > 1:
        return lambda text: compare(
            classifier, [text], methods, against=asked.against, faithfulness=asked.faithfulness
        )[0].to_dict()
    return lambda text: explain(
        classifier,
        [text],
        method=methods[0],
        against=asked.against,
        faithfulness=asked.faithfulness,
        maps=asked.map,
        layer=asked.layer,
        head=asked.head,
    )[0].to_dict()
