"""Waiting for an answer as long as anybody wants it."""

import asyncio
from typing import TypeVar

from starlette.requests import Request

from attnclf.serve.refusals import UNAVAILABLE, Refusal

T = TypeVar("T")

SHORT = 0.05  # seconds of work that are not worth watching whether the client is still there


async def attended(request: Request, answer: "asyncio.Future[T]", deadline: float) -> T:
    """Return an answer; it is cancelled when the client goes, or when the deadline (seconds) has passed.

    The body of the request must have been read. Raises Refusal for a passed deadline.
    """
    try:
        await asyncio.wait({answer}, timeout=min(SHORT, deadline))
        if not answer.done():
            gone = asyncio.ensure_future(_gone(request))
            try:
                await asyncio.wait({answer, gone}, timeout=deadline - SHORT, return_when=asyncio.FIRST_COMPLETED)
            finally:
                gone.cancel()
        if not answer.done():
            if gone.done():
                raise Refusal(499, "the client has gone")
            raise Refusal(UNAVAILABLE, f"there was no answer within {deadline:g} s", fix="send fewer or shorter texts")
        return answer.result()
    finally:
        answer.cancel()


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
