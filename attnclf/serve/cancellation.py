"""Work for an answer is cancelled when its client disconnects, or when the deadline passes."""

import asyncio
from typing import TypeVar

from starlette.types import Receive

from attnclf.serve.refusals import UNAVAILABLE, Disconnected, Refusal

T = TypeVar("T")

UNWATCHED = 0.05  # seconds of work in which nobody looks whether the client is still connected


async def cancel_on_disconnect(receive: Receive | None, answer: "asyncio.Future[T]", deadline: float) -> T:
    """Return an answer; it is cancelled when the client disconnects, or after `deadline` seconds.

    `receive` must have given the whole body; without it, nobody watches the client. Raises Disconnected, and Refusal
    after the deadline.
    """
    try:
        await asyncio.wait([answer], timeout=min(UNWATCHED, deadline))
        if answer.done():
            return answer.result()
        gone = disconnection(receive) if receive else asyncio.ensure_future(asyncio.sleep(deadline))
        try:
            watched: list[asyncio.Future[object]] = [answer, gone]  # type: ignore[list-item]
            await asyncio.wait(watched, timeout=max(deadline - UNWATCHED, 0), return_when=asyncio.FIRST_COMPLETED)
        finally:
            gone.cancel()
        if answer.done():
            return answer.result()
        if receive and gone.done():
            raise Disconnected
        raise Refusal(UNAVAILABLE, f"there was no answer within {deadline:g} s", fix="send fewer or shorter texts")
    finally:
        answer.cancel()


def disconnection(receive: Receive) -> "asyncio.Future[None]":
    """Return a future that is done when the client disconnects; `receive` must have given the whole body."""
    return asyncio.ensure_future(_disconnected(receive))


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
