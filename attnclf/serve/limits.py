"""How much one client, and all of them together, may ask for."""

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.types import Receive

from attnclf.serve.refusals import Disconnected, Overloaded, Refusal

MEBIBYTE = 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Sizes in bytes, texts and characters; times in seconds."""

    body: int = 8 * MEBIBYTE  # of one request
    bodies: int = 64 * MEBIBYTE  # of all requests in work, which bounds the memory
    spool: int = 1024 * MEBIBYTE  # of all streams that wait for the end of their upload, which bounds the disk
    texts: int = 4096  # of one request
    characters: int = 100_000  # of one text
    queue: int = 500_000  # tokens that wait or are in work, of one model: some seconds of work
    explanations: int = 64  # texts that wait to be explained, of one model
    deadline: float = 30.0  # from the last byte of a request to its answer
    patience: float = 20.0  # in which a client sends its request, or takes the answer
    connections: int = 10_000


class CapacityLimiter:
    """Bounds what is in work: bytes of bodies, tokens in a queue. `reason` names the bound in the metrics."""

    def __init__(self, capacity: int, reason: str) -> None:
        self.capacity, self.reason = capacity, reason
        self.used = 0

    def acquire(self, amount: int) -> None:
        """Use a part of the capacity; when nothing is in use, any amount fits. Raises Overloaded when it is full."""
        if self.used and self.used + amount > self.capacity:
            raise Overloaded(self.reason)
        self.used += amount

    def release(self, amount: int) -> None:
        """Free a part of the capacity."""
        self.used -= amount


async def body_of(request: Request, limits: Limits, capacity: CapacityLimiter) -> bytes | bytearray:
    """Return the body of a request, whose size its handler releases from `capacity`.

    Raises Refusal for a body that is too long: before reading where the header has its length, else while reading.
    """
    headers = request.headers
    length = headers.get("content-length", "0")
    if length.isdecimal() and int(length) > limits.body:
        raise _too_long(limits)
    refuse_compressed(request)
    body, more = await chunk_of(request.receive)
    if len(body) > limits.body:
        raise _too_long(limits)
    capacity.acquire(len(body))
    if not more:
        return body
    grown = bytearray(body)
    try:
        while more:
            body, more = await chunk_of(request.receive)
            if len(grown) + len(body) > limits.body:
                raise _too_long(limits)
            capacity.acquire(len(body))
            grown += body
    except BaseException:
        capacity.release(len(grown))
        raise
    return grown


def refuse_compressed(request: Request) -> None:
    """Raise Refusal for a body that is not sent as it is."""
    if request.headers.get("content-encoding", "identity") != "identity":
        raise Refusal(415, "the body is compressed", fix="send it as it is")


async def chunk_of(receive: Receive) -> tuple[bytes, bool]:
    """Return the next part of a body, and whether more follows. Raises Disconnected when the client has left."""
    message = await receive()
    if message["type"] == "http.disconnect":
        raise Disconnected
    return message.get("body", b""), message.get("more_body", False)


def _too_long(limits: Limits) -> Refusal:
    return Refusal(413, f"the body is longer than {limits.body:,} bytes", fix="send fewer texts, or stream them")


def check_texts(texts: Sequence[str], limits: Limits) -> None:
    """Raise Refusal for too many texts, or one too long."""
    if len(texts) > limits.texts:
        raise Refusal(413, f"{len(texts):,} texts in one request", fix=f"send at most {limits.texts:,}, or stream them")
    if max(map(len, texts), default=0) > limits.characters:
        raise Refusal(413, "a text is too long", fix=f"send at most {limits.characters:,} characters of each")
