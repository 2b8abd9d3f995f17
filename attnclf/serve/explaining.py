"""POST /explain: the objects of `attnclf explain --format json`."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from typing import Any

from attnclf.errors import ConfigError
from attnclf.explain import choice
from attnclf.explain.api import compare, explain
from attnclf.explain.methods import METHODS
from attnclf.serve.endpoint import Objects
from attnclf.serve.models import Loaded, Model
from attnclf.serve.requests import ExplainOptions


def queue_explanations(
    model: Model, texts: Sequence[str], options: ExplainOptions, build: Callable[[Objects], Any]
) -> "asyncio.Future[Any]":
    """Queue texts; the future has what `build` makes of their explanations.

    A text may take many runs of the network, so a cancelled request leaves out the rest.
    """
    cancelled = threading.Event()  # not the future: the work may begin before there is one

    def work(loaded: Loaded) -> Any:
        explainer, objects = _explainer(loaded, options), []
        for text in texts:
            if cancelled.is_set():
                return None
            objects.append(explainer(text))
            model.count_explained()
        return build(objects)

    future = model.explain(len(texts), work)
    future.add_done_callback(lambda done: cancelled.set() if done.cancelled() else None)
    return future


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
