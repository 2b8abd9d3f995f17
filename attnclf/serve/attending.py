"""Waiting for an answer as long as anybody wants it."""

import asyncio
from typing import TypeVar

from starlette.types import Receive

from attnclf.serve.refusals import UNAVAILABLE, Gone, Refusal

T = TypeVar("T")

SHORT = 0.05  # seconds of work that are not worth watching whether the client is still there


async def attended(receive: Receive | None, answer: "asyncio.Future[T]", deadline: float) -> T:
    """Return an answer; it is cancelled when the client goes, or when the deadline (seconds) has passed.

    `receive` must have given the whole body; without it, nobody watches the client. Raises Refusal for a passed
    deadline.
    """
    try:
        await asyncio.wait([answer], timeout=min(SHORT, deadline))
        if answer.done():
            return answer.result()
        gone = leaving(receive) if receive else asyncio.ensure_future(asyncio.sleep(deadline))
        try:
            watched: list[asyncio.Future[object]] = [answer, gone]  # type: ignore[list-item]
            await asyncio.wait(watched, timeout=max(deadline - SHORT, 0), return_when=asyncio.FIRST_COMPLETED)
        finally:
            gone.cancel()
        if answer.done():
            return answer.result()
        if receive and gone.done():
            raise Gone
        raise Refusal(UNAVAILABLE, f"there was no answer within {deadline:g} s", fix="send fewer or shorter texts")
    finally:
        answer.cancel()


def leaving(receive: Receive) -> "asyncio.Future[None]":
    """Return what is done when the client goes; `receive` must have given the whole body."""
    return asyncio.ensure_future(_gone(receive))


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
