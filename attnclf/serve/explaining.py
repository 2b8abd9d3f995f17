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
from attnclf.serve.attending import attended
from attnclf.serve.limits import body_of, check_texts
from attnclf.serve.models import Loaded, Model
from attnclf.serve.replies import as_json, json_reply
from attnclf.serve.requests import ExplainOptions, ExplainRequest, options_of, options_of_list, read_as
from attnclf.serve.service import Service
from attnclf.serve.streaming import Streamed, streams_in, streams_out


async def explanations(request: Request, service: Service) -> Response:
    """Explain one text, or a list: `{"explanations": [...]}` in its order."""
    if streams_in(request):
        options, name, stream = options_of(ExplainOptions, request)
        model = service.models.get(name)
        return Streamed(request, service, model, _lines(model, options), stream, most=1)
    body = await body_of(request, service.limits, service.bodies)
    try:
        asked = read_as(ExplainRequest, body)
        stream = options_of_list(request, lines=streams_out(request))
        model = service.models.get(asked.model)
        texts = asked.all(model.columns)
        check_texts(texts, service.limits)
        if streams_out(request):
            return Streamed(request, service, model, _lines(model, asked), stream, texts, most=1)
        answer = _queued(model, texts, asked)
        said = await attended(request.receive, answer, service.limits.deadline)
        return json_reply(said[0] if asked.is_single else {"explanations": said})
    finally:
        service.bodies.give_back(len(body))


def _lines(model: Model, options: ExplainOptions) -> Callable[[Sequence[str]], "asyncio.Future[list[bytes]]"]:
    """Return what queues texts of a stream; the answer has a line for each."""
    return lambda texts: model.explain(
        len(texts), lambda loaded: [as_json(said) for said in _all(model, loaded, texts, options, lambda: True)]
    )


def _queued(model: Model, texts: Sequence[str], options: ExplainOptions) -> "asyncio.Future[list[dict[str, Any]]]":
    """Queue texts; each may take many runs of the network, so those of a client that has gone are left out."""
    gone = threading.Event()  # not the answer itself: the work may begin before there is one
    answer = model.explain(len(texts), lambda loaded: _all(model, loaded, texts, options, lambda: not gone.is_set()))
    answer.add_done_callback(lambda done: gone.set() if done.cancelled() else None)
    return answer


def _all(
    model: Model, loaded: Loaded, texts: Sequence[str], options: ExplainOptions, wanted: Callable[[], bool]
) -> list[dict[str, Any]]:
    explained = _explainer(loaded, options)
    said = []
    for text in texts:
        if not wanted():
            break
        said.append(explained(text))
        model.explained()
    return said


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
