"""Replies as JSON."""

import json
from typing import Any

from starlette.responses import Response

from attnclf.errors import AttnclfError
from attnclf.serve.refusals import Refusal

JSON, NDJSON, BINARY = "application/json", "application/x-ndjson", "application/octet-stream"


def as_json(value: Any) -> bytes:
    """Return a value as JSON in one line."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def json_reply(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Return a value as the reply."""
    return Response(as_json(value), status, headers, JSON)


def problem(error: AttnclfError) -> Response:
    """Return what a person can put right as the reply: 400, or the status of a refusal."""
    if isinstance(error, Refusal):
        return json_reply({"error": str(error)}, error.status, error.headers)
    return json_reply({"error": str(error)}, 400)
