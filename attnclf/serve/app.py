"""The application: its routes, its front door, and what becomes of errors."""

import asyncio
import functools
import logging
import time
from collections.abc import Awaitable, Callable, Sequence

from fastapi import APIRouter, FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from attnclf import __version__
from attnclf.errors import AttnclfError
from attnclf.serve import documents, page, protocol
from attnclf.serve.explaining import explanations
from attnclf.serve.metrics import Metrics
from attnclf.serve.predicting import predict
from attnclf.serve.refusals import GONE, Gone, Overloaded, Stopping
from attnclf.serve.replies import NDJSON, json_reply, problem
from attnclf.serve.requests import (
    ExplainOptions,
    ExplainRequest,
    Explanation,
    Explanations,
    Health,
    Labels,
    ModelLabels,
    PredictOptions,
    PredictRequest,
    Record,
    Records,
    StreamOptions,
)
from attnclf.serve.security import HEADERS, NAMES, Guard
from attnclf.serve.service import Service

Endpoint = Callable[[Request, Service], Awaitable[Response]]
# FastAPI documents these; the front door calls them itself, for what FastAPI does for a request takes longer than
# the answer to a short text.
DIRECT: dict[str, Endpoint] = {"/predict": predict, "/explain": explanations}

log = logging.getLogger("attnclf.serve")


def create(service: Service, guard: Callable[..., Guard], origins: Sequence[str] = ()) -> ASGIApp:
    """Return the application; `guard` is told what may be asked without a key, pages of `origins` may read answers."""
    app = FastAPI(title="attnclf", version=__version__, docs_url=None, redoc_url=None)
    app.add_exception_handler(HTTPException, _of_http)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(AttnclfError, functools.partial(_refused, service.metrics))
    app.add_exception_handler(Exception, _bug)
    app.include_router(_routes(service))
    app.include_router(protocol.router(service))
    guarding = guard(unguarded=list(page.FILES))
    documents.document(
        app,
        guarding,
        PredictRequest,
        ExplainRequest,
        Record,
        Records,
        Explanation,
        Explanations,
        protocol.InferenceRequest,
        protocol.InferenceReply,
    )
    app.include_router(page.router)
    door = FrontDoor(app, service, guarding)
    if not origins:
        return door
    return CORSMiddleware(
        door,
        allow_origins=origins,
        allow_methods=["GET", "HEAD", "POST"],
        allow_headers=["Authorization", "Content-Type"],
    )


def _routes(service: Service) -> APIRouter:
    routes = APIRouter()

    @routes.post(
        "/predict",
        openapi_extra=documents.body(PredictRequest, NDJSON, PredictOptions, StreamOptions),
        responses=documents.replies(Record, Records, other=NDJSON),
    )
    async def label_texts(request: Request) -> Response:
        """Label one text, or a list; lines in give lines out."""
        return await predict(request, service)

    @routes.post(
        "/explain",
        openapi_extra=documents.body(ExplainRequest, NDJSON, ExplainOptions, StreamOptions),
        responses=documents.replies(Explanation, Explanations, other=NDJSON),
    )
    async def explain_texts(request: Request) -> Response:
        """Say which words decided about one text, or about each of a list; lines in give lines out."""
        return await explanations(request, service)

    @routes.get("/labels", responses=documents.problems(401, 403, 503))
    async def list_labels() -> Labels:
        """List the models with their labels, and the methods that explain them."""
        return Labels(
            models={
                model.name: ModelLabels(
                    labels=list(model.loaded.classifier.labels),
                    task=model.loaded.classifier.bundle.manifest["task"],
                    default=model is service.models.default,
                    methods=model.loaded.methods,
                    best=model.loaded.best_method,
                    version=model.loaded.version,
                )
                for model in service.models
            }
        )

    @routes.get("/healthz", responses=documents.problems(403, 503))
    async def alive() -> Health:
        """Tell that the server runs."""
        return Health(status="alive")

    @routes.get("/readyz", responses=documents.problems(403, 503))
    async def ready() -> Health:
        """Tell that the models are loaded: before, and after a signal to stop, nobody listens."""
        return Health(status="ready")

    @routes.get(
        "/metrics",
        response_class=Response,
        responses={
            200: {"content": {"text/plain": {"schema": {"type": "string"}}}},
            **documents.problems(401, 403, 503),
        },
    )
    async def metrics() -> Response:
        """Return figures for Prometheus."""
        return Response(service.metrics.page(), media_type="text/plain; version=0.0.4; charset=utf-8")

    return routes


class FrontDoor:
    """Lets requests in, measures them, and sees that each has an answer fit for a browser."""

    def __init__(self, app: FastAPI, service: Service, guard: Guard) -> None:
        self._app, self._service, self._guard = app, service, guard

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        begun = time.perf_counter()
        status = GONE
        if scope["method"] == "HEAD":  # what GET would answer; uvicorn knows the method and leaves the body out
            scope = {**scope, "method": "GET"}
        endpoint = DIRECT.get(scope["path"]) if scope["method"] == "POST" else None

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                given = message["headers"]
                said = {name for name, _ in given if name in NAMES}
                message["headers"] = [*given, *(header for header in HEADERS if header[0] not in said)]
            await send(message)

        try:
            self._guard.check(scope["path"], dict(scope["headers"]))
            if endpoint is None:
                await self._app(scope, receive, answer)
            else:
                await (await endpoint(Request(scope, receive), self._service))(scope, receive, answer)
        except Gone:
            status = GONE  # though an answer may have begun
        except asyncio.CancelledError:  # by uvicorn, when the time to end in order is over
            if status == GONE:
                await problem(Stopping())(scope, receive, answer)
        except AttnclfError as error:
            await (await _refused(self._service.metrics, None, error))(scope, receive, answer)
        except Exception:
            log.exception("A request failed")
            if status == GONE:  # nothing was sent yet
                await _failed()(scope, receive, answer)
        finally:
            path = scope["path"] if endpoint else getattr(scope.get("route"), "path", "other")
            self._service.metrics.answered(path, status, time.perf_counter() - begun)


async def _refused(metrics: Metrics, request: Request | None, error: Exception) -> Response:
    assert isinstance(error, AttnclfError)
    if isinstance(error, Overloaded):
        metrics.rejected(error.reason)
    return problem(error)


async def _of_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    headers = dict(error.headers or {})
    if headers.get("Allow") == "GET":
        headers["Allow"] = "GET, HEAD"
    return json_reply({"error": str(error.detail).lower()}, error.status_code, headers)


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return json_reply({"error": error.errors()[0]["msg"]}, 400)


async def _bug(request: Request, error: Exception) -> Response:
    return _failed()


def _failed() -> Response:
    return json_reply({"error": "the server has failed at this; its log says why"}, 500)
