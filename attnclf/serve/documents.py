"""The OpenAPI document of the service, and a page that shows it: plain, for it loads nothing from elsewhere."""

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

from attnclf.serve.replies import JSON, NDJSON

PLACE = "#/components/schemas/{model}"
STATUSES = (400, 401, 403, 404, 413, 429, 503)
STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:50rem;margin:2rem auto;padding:0 1rem}"
    "pre{background:#8881;padding:1rem;overflow:auto}code{font-weight:600}:root{color-scheme:light dark}"
)


class Problem(BaseModel):
    """One line that says what is wrong, and what to do."""

    error: str


def body(kind: type[BaseModel], *, lines: bool = False) -> dict[str, Any]:
    """Return what documents a body that a route reads by itself; with `lines`, also as a stream of JSON lines."""
    content: dict[str, Any] = {JSON: {"schema": {"$ref": PLACE.format(model=kind.__name__)}}}
    if lines:
        content[NDJSON] = {"schema": {"type": "string", "description": 'Lines, each "text" or {"text": "..."}.'}}
    return {"requestBody": {"required": True, "content": content}}


def replies(*kinds: type[BaseModel]) -> dict[int | str, dict[str, Any]]:
    """Return what documents the replies of a route."""
    places = [{"$ref": PLACE.format(model=kind.__name__)} for kind in kinds]
    problem = {"description": "Not answered", "content": {JSON: {"schema": {"$ref": PLACE.format(model="Problem")}}}}
    return {
        200: {"description": "The answer", "content": {JSON: {"schema": {"anyOf": places}}}},
        **dict.fromkeys(STATUSES, problem),
    }


def document(app: FastAPI, *kinds: type[BaseModel]) -> None:
    """Give an application its document, with these models in it, and the page that shows it."""

    def made() -> dict[str, Any]:
        if not app.openapi_schema:
            app.openapi_schema = get_openapi(title=app.title, version=app.version, routes=app.routes)
            shown: list[tuple[type[BaseModel], Literal["validation"]]] = [(kind, "validation") for kind in kinds]
            _, known = models_json_schema([*shown, (Problem, "validation")], ref_template=PLACE)
            app.openapi_schema.setdefault("components", {}).setdefault("schemas", {}).update(known["$defs"])
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
            said = html.escape(operation.get("description") or operation.get("summary", ""))
            parts.append(f"<p><code>{method.upper()} {html.escape(path)}</code><br>{said}</p>")
    parts.append("<h2>Objects</h2>")
    for name, described in schema["components"]["schemas"].items():
        text = html.escape(json.dumps(described, indent=2, ensure_ascii=False))
        parts.append(f"<h3>{html.escape(name)}</h3><pre>{text}</pre>")
    return f'<!doctype html><html lang="en"><title>attnclf</title><style>{STYLE}</style>{"".join(parts)}'


POLICY = (
    "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'; "
    f"style-src 'sha256-{base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()}'"
)
