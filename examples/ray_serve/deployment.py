"""A classifier on Ray Serve: replicas on any number of machines, texts of many requests in one batch.

serve run deployment:app model=/shared/tickets-model replicas=2
"""

import os
from typing import Any

from ray import serve
from starlette.requests import Request
from starlette.responses import JSONResponse

from attnclf.runtime.classifier import Classifier
from attnclf.runtime.prediction import Prediction

BATCH, WAIT = 256, 0.002  # texts that go through the network together, and seconds in which they may gather


@serve.deployment
class Labels:
    """One replica: opens the model once, on one core, or on one GPU if it was given one."""

    def __init__(self, model: str) -> None:
        self.classifier = Classifier.load(model, threads=1)

    async def __call__(self, request: Request) -> JSONResponse:
        """Answer `{"text": ...}` with a label and its score, `{"texts": [...]}` with a list of them."""
        asked = await request.json()
        texts = asked.get("texts", [asked.get("text")]) if isinstance(asked, dict) else None
        if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
            return JSONResponse({"error": 'send {"text": "..."} or {"texts": ["...", "..."]}'}, status_code=422)
        found = [shown(prediction) for prediction in await self.predict(texts)]
        return JSONResponse(
            {"predictions": found} if "texts" in asked else found[0],
            headers={"x-replica": str(os.getpid())},
        )

    @serve.batch(max_batch_size=BATCH, batch_wait_timeout_s=WAIT)
    async def predict(self, requests: list[list[str]]) -> list[list[Prediction]]:
        """Predict the texts of all requests that have gathered, and give each its own."""
        predictions = iter(self.classifier.predict([text for texts in requests for text in texts]))
        return [[next(predictions) for _ in texts] for texts in requests]


def shown(prediction: Prediction) -> dict[str, Any]:
    """Return a prediction as `attnclf predict --format jsonl` writes it."""
    score = None if prediction.score is None else round(prediction.score, 6)
    return {"label": prediction.label, "score": score}


def app(arguments: dict[str, str]) -> serve.Application:
    """Build the application for `serve run`: `model` is a folder that every machine can read."""
    return Labels.options(num_replicas=int(arguments.get("replicas", "1"))).bind(arguments["model"])
