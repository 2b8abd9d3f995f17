"""The OpenAPI document of the service, and a plain page that shows it and loads nothing from elsewhere."""

import base64
import hashlib
import html
import json
from typing import Any, Literal

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema
from starlette.responses import HTMLResponse

from attnclf.serve.replies import BINARY, JSON, NDJSON
from attnclf.serve.schemas import Problem
from attnclf.serve.security import Guard

Responses = dict[int | str, dict[str, Any]]

REFERENCE = "#/components/schemas/{model}"
KEY = "key"  # the name of the security scheme
OTHERS = {
    NDJSON: {"type": "string", "description": 'Lines of JSON, each "text", {"text": "...", "id": ...} or a row.'},
    BINARY: {"type": "string", "format": "binary", "description": "JSON, and tensors as bytes behind it."},
}
PROBLEMS = {
    400: "The request is invalid",
    401: "The API key is missing or wrong",
    403: "The origin or the host name is not allowed",
    404: "The model is not served",
    408: "The request arrived too slowly",
    413: "The request is too long",
    415: "The body is compressed",
    429: "The server is busy",
    500: "The server failed",
    503: "There was no reply in time, or there are too many connections",
}
STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:50rem;margin:2rem auto;padding:0 1rem}"
    "pre{background:#8881;padding:1rem;overflow:auto}code{font-weight:600}:root{color-scheme:light dark}"
)


def body(kind: type[BaseModel], other: str, *options: type[BaseModel]) -> dict[str, Any]:
    """Return the OpenAPI of a body that a route reads itself: JSON, or the `other` content type.

    `options` are the query parameters of a body of lines.
    """
    content = {JSON: {"schema": _reference(kind)}, other: {"schema": OTHERS[other]}}
    parameters = [
        {
            "name": name,
            "in": "query",
            "description": f"For a body of lines: {schema['description']}",
            "schema": {**schema, "default": None} if "anyOf" in schema else schema,
        }
        for kind in options
        for name, schema in kind.model_json_schema()["properties"].items()
    ]
    return {"requestBody": {"required": True, "content": content}, "parameters": parameters}


def replies(*kinds: type[BaseModel], other: str) -> Responses:
    """Return the OpenAPI of the replies of a route: JSON, or the `other` content type, and problems."""
    references = [_reference(kind) for kind in kinds]
    answer = {
        JSON: {"schema": {"anyOf": references} if len(references) > 1 else references[0]},
        other: {"schema": OTHERS[other]},
    }
    return {200: {"description": "The reply", "content": answer}, **problems(*PROBLEMS)}


def problems(*statuses: int) -> Responses:
    """Return the OpenAPI of the errors of a route."""
    content = {JSON: {"schema": _reference(Problem)}}
    return {status: {"description": PROBLEMS[status], "content": content} for status in statuses}


def _reference(kind: type[BaseModel]) -> dict[str, str]:
    return {"$ref": REFERENCE.format(model=kind.__name__)}


def document(app: FastAPI, guard: Guard, *kinds: type[BaseModel]) -> None:
    """Give an application its document, with these models in it, and the page that shows it."""

    def made() -> dict[str, Any]:
        if not app.openapi_schema:
            app.openapi_schema = get_openapi(title=app.title, version=app.version, routes=app.routes)
            shown: list[tuple[type[BaseModel], Literal["validation"]]] = [(kind, "validation") for kind in kinds]
            _, known = models_json_schema([*shown, (Problem, "validation")], ref_template=REFERENCE)
            components = app.openapi_schema.setdefault("components", {})
            components.setdefault("schemas", {}).update(known["$defs"])
            components["securitySchemes"] = {
                KEY: {"type": "http", "scheme": "bearer", "description": "The API key, where the server has one."}
            }
            for path, operations in app.openapi_schema["paths"].items():
                for operation in operations.values():
                    operation["responses"].pop("422", None)  # FastAPI's own, which `app._invalid` answers by 400
                    if guard.needs_key(path):
                        operation["security"] = [{KEY: []}]
            for name in ("HTTPValidationError", "ValidationError"):
                components["schemas"].pop(name, None)
        return app.openapi_schema

    app.openapi = made  # type: ignore[method-assign]

    @app.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        return HTMLResponse(_page(made()), headers={"content-security-policy": POLICY})


def _page(schema: dict[str, Any]) -> str:
    parts = [f"<h1>{html.escape(schema['info']['title'])} {html.escape(schema['info']['version'])}</h1>"]
    parts.append('<p>The same for programs: <a href="/openapi.json">openapi.json</a></p><h2>Requests</h2>')
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            summary = html.escape(operation.get("description") or operation.get("summary", ""))
            parts.append(f"<p><code>{method.upper()} {html.escape(path)}</code><br>{summary}</p>")
    parts.append("<h2>Objects</h2>")
    for name, described in schema["components"]["schemas"].items():
        text = html.escape(json.dumps(described, indent=2, ensure_ascii=False))
        parts.append(f"<h3>{html.escape(name)}</h3><pre>{text}</pre>")
    return f'<!doctype html><html lang="en"><title>attnclf</title><style>{STYLE}</style>{"".join(parts)}'


POLICY = (
    "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'; "
    f"style-src 'sha256-{base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()}'"
)
