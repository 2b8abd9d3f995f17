"""Replies as JSON, and how they stand in the OpenAPI document."""

import json
from typing import Any

from fastapi import Response
from pydantic import BaseModel

JSON = "application/json"


def json_reply(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Return a value as the reply."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return Response(text.encode("utf-8", "replace"), status, headers, JSON)


def described(body: type[BaseModel], summary: str) -> dict[str, Any]:
    """Return what a route needs to document a body that it reads by itself."""
    schema = body.model_json_schema()
    return {
        "summary": summary,
        "response_class": Response,
        "responses": {200: {"content": {JSON: {}}}, **{status: PROBLEM for status in (400, 401, 413, 429, 503)}},
        "openapi_extra": {"requestBody": {"required": True, "content": {JSON: {"schema": schema}}}},
    }


PROBLEM: dict[str, Any] = {
    "description": "One line that says what is wrong.",
    "content": {JSON: {"schema": {"type": "object", "properties": {"error": {"type": "string"}}}}},
}
