"""Long lists: one JSON line in, one JSON line out, in order, in constant memory.

Texts come as lines of JSON, each a string or an object with a `text`, or as the list of an ordinary request; what is
answered is written as soon as all before it is. A line that cannot be read is answered by its error. Texts are read no
faster than they are answered.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from attnclf.errors import AttnclfError, DataError
from attnclf.serve.attending import attended
from attnclf.serve.limits import MEBIBYTE, Limits, chunk_of
from attnclf.serve.refusals import Overloaded, Refusal
from attnclf.serve.replies import NDJSON, as_json, problem
from attnclf.serve.service import Service

MOST = 256  # texts that are queued together ...
AHEAD = 2  # ... and how many times that, so that reading, the network and writing overlap
LINE = MEBIBYTE  # the longest line, in bytes
ROOM = 4 * MEBIBYTE  # that a stream may take of the memory for bodies
PAUSE = 0.02  # seconds between two looks at a full queue

Submit = Callable[[Sequence[str]], "asyncio.Future[list[bytes]]"]


class Line(BaseModel):
    """An object in place of a string."""

    model_config = ConfigDict(extra="ignore", strict=True)

    text: str


TEXT: TypeAdapter[str | Line] = TypeAdapter(str | Line)


def streams_in(request: Request) -> bool:
    """Tell whether the body is a stream of lines."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower() == NDJSON


def streams_out(request: Request) -> bool:
    """Tell whether the answer is wanted as a stream of lines."""
    return NDJSON in request.headers.get("accept", "")


class Window:
    """Texts that are queued together; `errors` stand in the place of lines that cannot be read."""

    def __init__(self, texts: list[str], errors: dict[int, str]) -> None:
        self.texts, self.errors = texts, errors


class Streamed(Response):
    """Answers lines while they come; the texts of a list where they are given."""

    def __init__(
        self, request: Request, service: Service, submit: Submit, texts: Sequence[str] | None = None, most: int = MOST
    ) -> None:
        super().__init__(media_type=NDJSON)
        del self.headers["content-length"]
        self._request, self._service, self._submit, self._most = request, service, submit, most
        self._texts = texts
        service.bodies.take(ROOM)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the answers."""
        waiting: asyncio.Queue[tuple[Window, asyncio.Future[list[bytes]]] | None] = asyncio.Queue(AHEAD)
        reading = asyncio.ensure_future(self._queue(waiting))
        started = False
        try:
            while (following := await waiting.get()) is not None:
                lines = await self._answered(*following)
                if not started:
                    await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
                    started = True
                await send({"type": "http.response.body", "body": b"".join(lines), "more_body": True})
            await reading
            if not started:
                await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            await send({"type": "http.response.body", "body": b""})
        except AttnclfError as error:
            if not started:
                await problem(error)(scope, receive, send)
            else:  # too late for a status
                await send({"type": "http.response.body", "body": as_json({"error": str(error)}) + b"\n"})
        finally:
            self._service.bodies.give_back(ROOM)
            reading.cancel()
            while not waiting.empty():
                if (left := waiting.get_nowait()) is not None:
                    left[1].cancel()

    async def _queue(self, waiting: "asyncio.Queue[tuple[Window, asyncio.Future[list[bytes]]] | None]") -> None:
        """Queue what arrives; the end, or an error, is told by None."""
        try:
            windows = _windows_of(self._texts, self._most) if self._texts is not None else self._windows()
            async for window in windows:
                await waiting.put((window, await self._submitted(window.texts)))
        finally:
            with contextlib.suppress(asyncio.CancelledError):
                await waiting.put(None)

    async def _submitted(self, texts: Sequence[str]) -> "asyncio.Future[list[bytes]]":
        if not texts:
            nothing: asyncio.Future[list[bytes]] = asyncio.get_running_loop().create_future()
            nothing.set_result([])
            return nothing
        while True:
            try:
                return self._submit(texts)
            except Overloaded:  # a stream waits for its turn
                await asyncio.sleep(PAUSE)

    async def _answered(self, window: Window, answer: "asyncio.Future[list[bytes]]") -> list[bytes]:
        # While the body is read, the reader sees when the client goes.
        receive = None if self._texts is None else self._request.receive

        async def lines_of(answer: "asyncio.Future[list[bytes]]") -> list[bytes]:
            return await attended(receive, answer, self._service.limits.deadline)

        async def alone(text: str) -> bytes:
            try:
                return (await lines_of(await self._submitted([text])))[0]
            except DataError as error:
                return as_json({"error": str(error)})

        try:
            lines = iter(await lines_of(answer))
        except DataError:  # of one of the texts: the others have their answers
            lines = iter([await alone(text) for text in window.texts])
        count = len(window.texts) + len(window.errors)
        return [
            (as_json({"error": window.errors[place]}) if place in window.errors else next(lines)) + b"\n"
            for place in range(count)
        ]

    async def _windows(self) -> AsyncIterator[Window]:
        """Yield what has arrived, a full window at most."""
        number, rest, more = 0, bytearray(), True
        while more:
            chunk, more = await chunk_of(self._request.receive)
            rest += chunk
            *lines, last = rest.split(b"\n")
            rest = last
            if len(rest) > LINE:
                raise Refusal(413, f"line {number + len(lines) + 1} is longer than {LINE:,} bytes")
            if not more and rest:
                lines.append(rest)
            for begin in range(0, len(lines), self._most):
                some = lines[begin : begin + self._most]
                yield _read(some, number, self._service.limits)
                number += len(some)


async def _windows_of(texts: Sequence[str], most: int) -> AsyncIterator[Window]:
    for begin in range(0, len(texts), most):
        yield Window(list(texts[begin : begin + most]), {})


def _read(lines: Sequence[bytes | bytearray], number: int, limits: Limits) -> Window:
    """Return the texts of lines; `number` is how many were before them."""
    texts: list[str] = []
    errors: dict[int, str] = {}
    for place, line in enumerate(lines):
        try:
            read = TEXT.validate_json(line) if line.strip() else ""
            text = read if isinstance(read, str) else read.text
        except ValidationError as error:
            wrong = error.errors(include_url=False)[0]
            said = wrong["msg"] if wrong["type"] == "json_invalid" else "neither a string nor an object with a text"
            errors[place] = f"line {number + place + 1}: {said}"
            continue
        if len(text) > limits.characters:
            errors[place] = f"line {number + place + 1}: more than {limits.characters:,} characters"
        else:
            texts.append(text)
    return Window(texts, errors)
