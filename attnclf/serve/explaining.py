"""POST /explain: the objects of `attnclf explain --format json`."""

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Request, Response

from attnclf.explain import choice
from attnclf.explain.explain import compare, explain
from attnclf.explain.methods import METHODS
from attnclf.runtime.classifier import Classifier
from attnclf.serve.attending import attended
from attnclf.serve.limits import body_of, check_texts
from attnclf.serve.refusals import Refusal
from attnclf.serve.replies import described, json_reply
from attnclf.serve.requests import ExplainOptions, ExplainRequest, read_as
from attnclf.serve.service import Service

router = APIRouter()


@router.post("/explain", **described(ExplainRequest, "Say which words decided."))
async def explanation(request: Request) -> Response:
    """Explain one text, or a list: `{"explanations": [...]}` in its order."""
    service: Service = request.app.state.service
    body = await body_of(request, service.limits, service.bodies)
    try:
        asked = read_as(ExplainRequest, body)
        texts = asked.all
        check_texts(texts, service.limits)
        explained = Explained(texts, asked)
        answer = service.models.get(asked.model).explain(len(texts), explained)
        try:
            said = await attended(request, answer, service.limits.deadline)
        finally:
            explained.unwanted = True
        return json_reply(said[0] if asked.texts is None else {"explanations": said})
    finally:
        service.bodies.give_back(len(body))


class Explained:
    """Explains texts one by one, as long as they are wanted: each may take many runs of the network."""

    def __init__(self, texts: list[str], options: ExplainOptions) -> None:
        self.texts, self.options = texts, options
        self.unwanted = False

    def __call__(self, classifier: Classifier) -> list[dict[str, Any]]:
        """Return the explanations as plain values. Raises ConfigError for options that make no sense here."""
        one = _explainer(classifier, self.options)
        said = []
        for text in self.texts:
            if self.unwanted:
                break
            said.append(one(text))
        return said


def _explainer(classifier: Classifier, asked: ExplainOptions) -> Callable[[str], dict[str, Any]]:
    methods = [asked.method] if isinstance(asked.method, str) else asked.method or []
    methods = [
        choice.best(classifier.bundle, signed=asked.against is not None) if name == "auto" else name for name in methods
    ]
    for name in methods:
        if name in METHODS and METHODS[name].torch:
            raise Refusal(400, f"method {name} needs torch, which the server does without")
    if asked.compare or len(methods) > 1:
        return lambda text: compare(
            classifier, [text], methods, against=asked.against, faithfulness=asked.faithfulness
        )[0].to_dict()
    method = methods[0] if methods else choice.DEFAULT
    return lambda text: explain(
        classifier,
        [text],
        method=method,
        against=asked.against,
        faithfulness=asked.faithfulness,
        maps=asked.map,
        layer=asked.layer,
        head=asked.head,
    )[0].to_dict()
