"""The application: every route, and what becomes of errors."""

from typing import Any

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException

from attnclf import __version__
from attnclf.errors import AttnclfError
from attnclf.serve import explaining, predicting
from attnclf.serve.refusals import Refusal
from attnclf.serve.replies import json_reply
from attnclf.serve.service import Service


def create(service: Service) -> FastAPI:
    """Return the application that serves these models."""
    app = FastAPI(title="attnclf", version=__version__, docs_url=None, redoc_url=None)
    app.state.service = service
    app.add_exception_handler(AttnclfError, _problem)
    app.add_exception_handler(HTTPException, _http_problem)
    app.add_exception_handler(Exception, _bug)
    app.include_router(predicting.router)
    app.include_router(explaining.router)

    @app.get("/labels")
    async def labels() -> dict[str, Any]:
        """List the models with their labels, and the methods that explain them."""
        return service.models.described()

    try:
        from attnclf.serve.page import router as page
    except ImportError:
        return app
    app.include_router(page)
    return app


async def _problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, AttnclfError)
    if isinstance(error, Refusal):
        return json_reply({"error": str(error)}, error.status, error.headers)
    return json_reply({"error": str(error)}, 400)


async def _http_problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return json_reply({"error": str(error.detail).lower()}, error.status_code, dict(error.headers or {}))


async def _bug(request: Request, error: Exception) -> Response:
    return json_reply({"error": "the server has failed at this; it is in its log"}, 500)
