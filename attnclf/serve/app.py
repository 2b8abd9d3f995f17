"""The application: its routes, its entry point, and the replies to errors."""

import asyncio
import functools
import logging
import time
from collections.abc import Callable, Mapping, Sequence

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
from attnclf.serve.endpoint import text_endpoint
from attnclf.serve.explaining import queue_explanations
from attnclf.serve.metrics import Metrics
from attnclf.serve.predicting import queue_predictions
from attnclf.serve.refusals import CLIENT_CLOSED, Disconnected, Overloaded, Stopping
from attnclf.serve.replies import NDJSON, json_reply, problem
from attnclf.serve.requests import ExplainOptions, ExplainRequest, PredictOptions, PredictRequest, StreamOptions
from attnclf.serve.schemas import Comparison, Explanation, Explanations, Health, Labels, ModelLabels, Record, Records
from attnclf.serve.security import HEADERS, Guard
from attnclf.serve.service import Endpoint, Service

log = logging.getLogger("attnclf.serve")


def create(service: Service, guard: Callable[..., Guard], origins: Sequence[str] = ()) -> ASGIApp:
    """Return the application. `guard` gets the paths that need no key; pages of `origins` may read replies."""
    app = FastAPI(title="attnclf", version=__version__, docs_url=None, redoc_url=None)
    app.add_exception_handler(HTTPException, _of_http)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(AttnclfError, functools.partial(_refused, service.metrics))
    app.add_exception_handler(Exception, _bug)
    endpoints = {
        "/predict": text_endpoint(service, queue_predictions, PredictOptions, PredictRequest, "predictions"),
        "/explain": text_endpoint(service, queue_explanations, ExplainOptions, ExplainRequest, "explanations", 1),
    }
    app.include_router(_routes(service, endpoints))
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
        Comparison,
        Explanations,
        protocol.InferenceRequest,
        protocol.InferenceReply,
    )
    app.include_router(page.router)
    entry = EntryPoint(app, service.metrics, guarding, endpoints)
    if not origins:
        return entry
    return CORSMiddleware(
        entry,
        allow_origins=origins,
        allow_methods=["GET", "HEAD", "POST"],
        allow_headers=["Authorization", "Content-Type"],
    )


def _routes(service: Service, endpoints: Mapping[str, Endpoint]) -> APIRouter:
    routes = APIRouter()
    routes.add_api_route(
        "/predict",
        endpoints["/predict"],
        methods=["POST"],
        name="label_texts",
        description="Label one text, or a list; lines in give lines out.",
        openapi_extra=documents.body(PredictRequest, NDJSON, PredictOptions, StreamOptions),
        responses=documents.replies(Record, Records, other=NDJSON),
    )
    routes.add_api_route(
        "/explain",
        endpoints["/explain"],
        methods=["POST"],
        name="explain_texts",
        description="Show which words mattered for one text, or for each of a list; lines in give lines out.",
        openapi_extra=documents.body(ExplainRequest, NDJSON, ExplainOptions, StreamOptions),
        responses=documents.replies(Explanation, Comparison, Explanations, other=NDJSON),
    )

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
        """Report that the server runs."""
        return Health(status="alive")

    @routes.get("/readyz", responses=documents.problems(403, 503))
    async def ready() -> Health:
        """Report that the models are loaded; before that, and after a signal to stop, the server does not listen."""
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
        """Return the metrics for Prometheus."""
        return Response(service.metrics.page(), media_type="text/plain; version=0.0.4; charset=utf-8")

    return routes


class EntryPoint:
    """Checks and measures each request, and adds the security headers to its reply.

    The `endpoints` are called without FastAPI, whose work for a request takes longer than a short text.
    """

    def __init__(self, app: FastAPI, metrics: Metrics, guard: Guard, endpoints: Mapping[str, Endpoint]) -> None:
        self._app, self._metrics, self._guard, self._endpoints = app, metrics, guard, endpoints

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        begun = time.perf_counter()
        status = CLIENT_CLOSED
        if scope["method"] == "HEAD":  # answered as GET; uvicorn leaves the body out
            scope = {**scope, "method": "GET"}
        endpoint = self._endpoints.get(scope["path"]) if scope["method"] == "POST" else None

        async def reply(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                present = {name for name, _ in message["headers"]}
                message["headers"] = [*message["headers"], *(header for header in HEADERS if header[0] not in present)]
            await send(message)

        try:
            self._guard.check(scope["path"], dict(scope["headers"]))
            if endpoint is None:
                await self._app(scope, receive, reply)
            else:
                await (await endpoint(Request(scope, receive)))(scope, receive, reply)
        except Disconnected:
            status = CLIENT_CLOSED  # though a reply may have started
        except asyncio.CancelledError:  # by uvicorn, when the time for an orderly stop is over
            if status == CLIENT_CLOSED:
                await problem(Stopping())(scope, receive, reply)
        except AttnclfError as error:
            await (await _refused(self._metrics, None, error))(scope, receive, reply)
        except Exception:
            log.exception("A request failed")
            if status == CLIENT_CLOSED:  # nothing was sent yet
                await _failed()(scope, receive, reply)
        finally:
            path = scope["path"] if endpoint else getattr(scope.get("route"), "path", "other")
            self._metrics.answered(path, status, time.perf_counter() - begun)


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
    return json_reply({"error": "the server failed at this request; its log has the reason"}, 500)
