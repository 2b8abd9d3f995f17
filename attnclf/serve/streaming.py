"""Long lists: one JSON line in, one JSON line out, in order, in constant memory.

Texts come as lines of JSON, each a string, an object with a `text` or a row of the model's numeric columns, or as the
list of an ordinary request. The reply to a line is sent as soon as those before it are. The reply to a line that cannot
be read is its error; the reply to a line with an `id` has the same `id`. Texts are read no faster than they are
answered.

Some proxies lose a part of an upload when the reply starts before its end. So the reply can wait for the end of the
upload, which is kept on disk meanwhile, and can end with the number of rows that were read.
"""

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass

from pydantic_core import from_json
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from attnclf.errors import AttnclfError, DataError
from attnclf.serve.cancellation import cancel_on_disconnect, disconnection
from attnclf.serve.connections import CUT
from attnclf.serve.limits import MEBIBYTE, Limits, chunk_of, refuse_compressed
from attnclf.serve.models import Model
from attnclf.serve.refusals import Disconnected, Overloaded, Refusal, Stopping
from attnclf.serve.replies import NDJSON, as_json
from attnclf.serve.requests import StreamOptions, text_of_row
from attnclf.serve.service import Service
from attnclf.serve.spool import Spool

WINDOW = 256  # texts that are queued together
AHEAD = 2  # windows in the queue, so that reading, the network and writing overlap
LINE_BYTES = MEBIBYTE  # of the longest line
STREAM_MEMORY = 4 * MEBIBYTE  # bytes that a stream uses of the memory for bodies
PAUSE = 0.02  # seconds between two tries to enter a full queue
PROXIED = ("via", "x-forwarded-for", "forwarded")  # headers that proxies add

log = logging.getLogger("attnclf.serve")

Submit = Callable[[Sequence[str]], "asyncio.Future[list[bytes]]"]


def streams_in(request: Request) -> bool:
    """Whether the body is a stream of lines."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower() == NDJSON


def streams_out(request: Request) -> bool:
    """Whether the client accepts a stream of lines as the reply."""
    return NDJSON in request.headers.get("accept", "")


@dataclass(frozen=True, slots=True)
class Window:
    """Rows that are queued together: the texts, and by its index the error of each row that cannot be read.

    `ids` has the JSON of the `id` of each row that came with one, by its index.
    """

    texts: Sequence[str]
    errors: Mapping[int, str]
    ids: Mapping[int, bytes]

    @property
    def size(self) -> int:
        """The number of rows."""
        return len(self.texts) + len(self.errors)


Waiting = asyncio.Queue[tuple[Window, "asyncio.Future[list[bytes]]"] | None]


def _is_proxied(request: Request) -> bool:
    """Whether a request came through a proxy; nginx uses HTTP/1.0, which has no streams."""
    return request.scope["http_version"] == "1.0" or any(name in request.headers for name in PROXIED)


class StreamedReply(Response):
    """Answers lines while they arrive, or when all have arrived; or `texts`, where they are given."""

    def __init__(
        self,
        request: Request,
        service: Service,
        model: Model,
        submit: Submit,
        options: StreamOptions,
        texts: Sequence[str] | None = None,
        window: int = WINDOW,
    ) -> None:
        super().__init__(media_type=NDJSON)
        del self.headers["content-length"]
        self._request, self._service, self._model, self._submit, self._window = request, service, model, submit, window
        self._texts, self._count = texts, options.count
        self._wait = _is_proxied(request) if options.wait is None else options.wait
        self._rows = 0  # answered so far
        self._gone: asyncio.Future[None] | None = None  # when the client disconnects; from the end of its upload
        refuse_compressed(request)
        service.bodies.acquire(STREAM_MEMORY)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the lines. Raises Disconnected when the client leaves before the last, and Refusal before the first."""
        waiting: Waiting = asyncio.Queue(AHEAD)
        reading = asyncio.ensure_future(self._queue(waiting))
        started = False

        async def write(lines: bytes, *, more: bool) -> None:
            nonlocal started
            if not started:
                await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
                started = True
            await send({"type": "http.response.body", "body": lines, "more_body": more})

        try:
            while (following := await waiting.get()) is not None:
                lines = await self._lines_of(*following)
                if self._gone is not None and self._gone.done():
                    raise Disconnected
                await write(b"".join(lines), more=True)
                self._rows += len(lines)
            await reading
            await write(as_json({"rows": self._rows}) + b"\n" if self._count else b"", more=False)
        except Disconnected:
            why = scope["state"].get(CUT)
            if why is not None:
                log.warning("A stream was cut after %d rows: %s", self._rows, why)
            self._service.metrics.stream_cut("gone" if why is None else "patience")
            raise
        except (AttnclfError, asyncio.CancelledError) as ended:
            error = ended if isinstance(ended, AttnclfError) else Stopping()
            if not started:
                raise error from None
            # The status has been sent.
            log.warning("A stream was ended after %d rows: %s", self._rows, error)
            self._service.metrics.stream_cut("error")
            await write(as_json({"error": str(error)}) + b"\n", more=False)
        finally:
            self._service.bodies.release(STREAM_MEMORY)
            reading.cancel()
            reading.add_done_callback(lambda done: done.cancelled() or done.exception())  # which is known by now
            if self._gone is not None:
                self._gone.cancel()
            while not waiting.empty():
                if (left := waiting.get_nowait()) is not None:
                    left[1].cancel()

    async def _queue(self, waiting: Waiting) -> None:
        """Queue what arrives; None stands for the end, or for an error."""
        try:
            async with contextlib.aclosing(self._windows()) as windows:
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

    async def _lines_of(self, window: Window, answer: "asyncio.Future[list[bytes]]") -> list[bytes]:
        async def wait(answer: "asyncio.Future[list[bytes]]") -> list[bytes]:
            return await cancel_on_disconnect(None, answer, self._service.limits.deadline)

        async def alone(text: str) -> bytes:
            try:
                return (await wait(await self._submitted([text])))[0]
            except DataError as error:
                return as_json({"error": str(error)})

        try:
            lines = iter(await wait(answer))
        except DataError:  # of one of the texts: the others have their answers
            lines = iter([await alone(text) for text in window.texts])
        answers = []
        for index in range(window.size):
            line = as_json({"error": window.errors[index]}) if index in window.errors else next(lines)
            if index in window.ids:
                line = b'{"id":' + window.ids[index] + b"," + line[1:]
            answers.append(line + b"\n")
        return answers

    async def _windows(self) -> AsyncGenerator[Window]:
        """Yield what has arrived, a full window at most."""
        if self._texts is not None:
            self._gone = disconnection(self._request.receive)
            for begin in range(0, len(self._texts), self._window):
                yield Window(self._texts[begin : begin + self._window], {}, {})
            return
        number, rest = 0, bytearray()
        async with contextlib.aclosing(self._kept() if self._wait else self._arriving()) as chunks:
            async for chunk in chunks:
                rest += chunk
                *lines, rest = rest.split(b"\n")
                if len(rest) > LINE_BYTES:
                    raise Refusal(413, f"line {number + len(lines) + 1} is longer than {LINE_BYTES:,} bytes")
                for begin in range(0, len(lines), self._window):
                    some = lines[begin : begin + self._window]
                    yield _read(some, number, self._model.columns, self._service.limits)
                    number += len(some)
        if rest:
            yield _read([rest], number, self._model.columns, self._service.limits)

    async def _arriving(self) -> AsyncGenerator[bytes]:
        """Yield the upload as it comes."""
        more = True
        while more:
            chunk, more = await chunk_of(self._request.receive)
            if not more:
                self._gone = disconnection(self._request.receive)
            yield chunk

    async def _kept(self) -> AsyncGenerator[bytes]:
        """Yield the upload once it is complete."""
        spool = Spool(self._service.spool)
        try:
            async for chunk in self._arriving():
                await spool.add(chunk)
            async for chunk in spool.chunks():
                yield chunk
        finally:
            spool.close()


def _read(lines: Sequence[bytes | bytearray], number: int, columns: Sequence[str], limits: Limits) -> Window:
    """Return the texts of lines; `number` lines were before them."""
    texts: list[str] = []
    errors: dict[int, str] = {}
    ids: dict[int, bytes] = {}
    for index, line in enumerate(lines):
        try:
            read = _parsed(line)
            if isinstance(read, dict) and "id" in read:
                ids[index] = _id_of(read["id"])
            text = _text_of(read, columns)
            if len(text) > limits.characters:
                raise ValueError(f"more than {limits.characters:,} characters")
        except ValueError as error:
            errors[index] = f"line {number + index + 1}: {error}"
        else:
            texts.append(text)
    return Window(texts, errors, ids)


def _parsed(line: bytes | bytearray) -> object:
    """Return the value of a line, a blank text for a blank line. Raises ValueError for invalid JSON."""
    try:
        return from_json(line, allow_inf_nan=False) if line.strip() else ""
    except ValueError as error:
        raise ValueError(f"Invalid JSON: {error}") from None


def _id_of(value: object) -> bytes:
    """Return the JSON of an id. Raises ValueError for a number too large for JSON readers."""
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    except ValueError:
        raise ValueError("a number of its id is too large") from None


def _text_of(read: object, columns: Sequence[str]) -> str:
    """Return the text of a line, or of a row of the model's columns. Raises ValueError for any other line."""
    if isinstance(read, str):
        return read
    if isinstance(read, dict):
        text = read.get("text")
        if isinstance(text, str) and "text" not in columns:
            return text
        if columns:
            return text_of_row(read, columns)
    raise ValueError("neither a string nor an object with a text")
