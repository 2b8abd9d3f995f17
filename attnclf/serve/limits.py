"""How much one client, and all of them together, may ask for."""

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.types import Receive

from attnclf.serve.refusals import Gone, Overloaded, Refusal

MEBIBYTE = 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Sizes in bytes, texts and characters; times in seconds."""

    body: int = 8 * MEBIBYTE  # of one request
    bodies: int = 64 * MEBIBYTE  # of all requests in work, which bounds the memory
    spool: int = 1024 * MEBIBYTE  # of all streams that wait for the end of their upload, which bounds the disk
    texts: int = 4096  # of one request
    characters: int = 100_000  # of one text
    queue: int = 500_000  # units that wait or are in work, of one model: some seconds of work
    explanations: int = 64  # texts that wait to be explained, of one model
    deadline: float = 30.0  # from the last byte of a request to its answer
    patience: float = 20.0  # in which a client sends its request, or takes the answer
    connections: int = 10_000


class Room:
    """Counts what is in work, up to a bound: bytes of bodies, units in a queue."""

    def __init__(self, size: int, reason: str) -> None:
        self.size, self.reason = size, reason
        self.taken = 0

    def take(self, amount: int) -> None:
        """Take a part of the room; where there is nothing else in it, also more. Raises Overloaded for a full one."""
        if self.taken and self.taken + amount > self.size:
            raise Overloaded(self.reason)
        self.taken += amount

    def give_back(self, amount: int) -> None:
        """Give a part back."""
        self.taken -= amount


async def body_of(request: Request, limits: Limits, room: Room) -> bytes | bytearray:
    """Return the body of a request, whose size its handler gives back to the `room`.

    Raises Refusal for one too long: before any of it is read where its length is told, else as soon as that shows.
    """
    headers = request.headers
    told = headers.get("content-length", "0")
    if told.isdecimal() and int(told) > limits.body:
        raise _too_long(limits)
    refuse_compressed(request)
    body, more = await chunk_of(request.receive)
    if len(body) > limits.body:
        raise _too_long(limits)
    room.take(len(body))
    if not more:
        return body
    grown = bytearray(body)
    try:
        while more:
            body, more = await chunk_of(request.receive)
            if len(grown) + len(body) > limits.body:
                raise _too_long(limits)
            room.take(len(body))
            grown += body
    except BaseException:
        room.give_back(len(grown))
        raise
    return grown


def refuse_compressed(request: Request) -> None:
    """Raise Refusal for a body that is not sent as it is."""
    if request.headers.get("content-encoding", "identity") != "identity":
        raise Refusal(415, "the body is compressed", fix="send it as it is")


async def chunk_of(receive: Receive) -> tuple[bytes, bool]:
    """Return what has arrived of a body, and whether there is more to come. Raises Gone for a client that left."""
    message = await receive()
    if message["type"] == "http.disconnect":
        raise Gone
    return message.get("body", b""), message.get("more_body", False)


def _too_long(limits: Limits) -> Refusal:
    return Refusal(413, f"the body is longer than {limits.body:,} bytes", fix="send fewer texts, or stream them")


def check_texts(texts: Sequence[str], limits: Limits) -> None:
    """Raise Refusal for too many texts, or one too long."""
    if len(texts) > limits.texts:
        raise Refusal(413, f"{len(texts):,} texts in one request", fix=f"send at most {limits.texts:,}, or stream them")
    if max(map(len, texts), default=0) > limits.characters:
        raise Refusal(413, "a text is too long", fix=f"send at most {limits.characters:,} characters of each")
