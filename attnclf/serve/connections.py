"""Connections that do not hold the server up: few enough, with short heads, and no slower than patience allows."""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from attnclf.serve.limits import Limits
from attnclf.serve.replies import NDJSON, as_json

CUT = "cut"  # the key in the state of a request
HEAD = 64 * 1024  # bytes of the request line and the headers
STATUS = {
    400: "Bad Request",
    408: "Request Timeout",
    431: "Request Header Fields Too Large",
    503: "Service Unavailable",
}


class Connection(HttpToolsProtocol):
    """An HTTP/1.1 connection with the bounds that uvicorn leaves to a proxy."""

    limits = Limits()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Turn away a connection too many."""
        super().connection_made(transport)
        self._asked: list[RequestResponseCycle] = []
        self._head = 0
        self._reading_since: float | None = self.loop.time()
        self._is_stream = False
        self._stuck_at, self._stuck_since = 0, 0.0
        if len(self.connections) > self.limits.connections:
            self._refuse(503, "too many connections; try again in 1 s")

    def data_received(self, data: bytes) -> None:
        """Take bytes of a request."""
        self._head += len(data)
        if self._is_stream:
            self._reading_since = self.loop.time()
        super().data_received(data)
        if self._head > HEAD and not self.transport.is_closing():
            self._refuse(431, f"the head of the request is longer than {HEAD:,} bytes")

    def on_message_begin(self) -> None:
        """Note when a request begins."""
        super().on_message_begin()
        self._reading_since = self.loop.time()

    def on_headers_complete(self) -> None:
        """Let the body be longer, and that of a stream as slow as its source."""
        self._head = -(2**63)
        self._is_stream = any(
            name == b"content-type" and value.lower().startswith(NDJSON.encode()) for name, value in self.headers
        )
        super().on_headers_complete()
        self._asked = [*self._unanswered(), self.cycle]

    def on_message_complete(self) -> None:
        """Note that the whole request is here."""
        super().on_message_complete()
        self._head, self._reading_since, self._is_stream = 0, None, False

    def connection_lost(self, exc: Exception | None) -> None:
        """Let every request that waits for its answer know that the client has gone; uvicorn does so for the last."""
        super().connection_lost(exc)
        for cycle in self._unanswered():
            cycle.disconnected = True
            cycle.message_event.set()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP."""
        self._refuse(400, "this is no valid HTTP request")

    def look(self, now: float) -> None:
        """Close the connection where the client has been too slow."""
        if self.transport.is_closing() and not self.transport.get_write_buffer_size():
            return
        waiting = self.transport.get_write_buffer_size()
        if not waiting or waiting != self._stuck_at:
            self._stuck_at, self._stuck_since = waiting, now
        elif now - self._stuck_since > self.limits.patience:
            self._note_cut(f"the client took nothing of the answer within {self.limits.patience:g} s")
            self.transport.abort()
            return
        since = self._reading_since
        if since is not None and now - since > self.limits.patience and not self.flow.read_paused:
            self._note_cut(f"the client sent nothing within {self.limits.patience:g} s")
            self._refuse(408, f"the request did not arrive within {self.limits.patience:g} s")

    def _unanswered(self) -> list[RequestResponseCycle]:
        """Return the requests whose answers are not complete: a client may send several at once."""
        return [cycle for cycle in self._asked if not cycle.response_complete]

    def _note_cut(self, why: str) -> None:
        """Leave word why the connection is closed, for a stream that is being answered."""
        if self.scope is not None:
            self.scope["state"][CUT] = why

    def _refuse(self, status: int, problem: str) -> None:
        """Close the connection, with a reply where none has been begun to the request that is being read."""
        waiting, in_head = self._unanswered(), self._head >= 0
        if not waiting if in_head else waiting == [self.cycle] and not self.cycle.response_started:
            body = as_json({"error": problem})
            head = f"HTTP/1.1 {status} {STATUS[status]}\r\ncontent-type: application/json\r\nconnection: close\r\n"
            self.transport.write(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
        self.transport.close()


def bounded(limits: Limits) -> type[Connection]:
    """Return the class of connections with these limits."""
    return type("BoundedConnection", (Connection,), {"limits": limits})


async def watch(connections: set[Any], limits: Limits) -> None:
    """Look after connections, for ever."""
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(min(1.0, limits.patience / 4))
        for connection in list(connections):
            connection.look(loop.time())
