"""How much one client, and all of them together, may ask for."""

from dataclasses import dataclass

from starlette.requests import ClientDisconnect, Request

from attnclf.serve.refusals import Overloaded, Refusal

MEBIBYTE = 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Sizes in bytes, texts and characters; times in seconds."""

    body: int = 8 * MEBIBYTE  # of one request
    bodies: int = 64 * MEBIBYTE  # of all requests in work, which bounds the memory
    texts: int = 2048  # of one request
    characters: int = 100_000  # of one text
    queue: int = 4096  # texts of all requests that wait or are in work, of one model
    explanations: int = 64  # texts that wait to be explained, of one model
    streams: int = 16  # at a time
    deadline: float = 30.0  # from the last byte of a request to its answer
    patience: float = 20.0  # in which a client sends its request, or takes the answer
    connections: int = 10_000


class Room:
    """Counts what is in work, up to a bound: bytes of bodies, texts in a queue, streams."""

    def __init__(self, size: int, reason: str) -> None:
        self.size, self.reason = size, reason
        self.taken = 0

    def take(self, amount: int) -> None:
        """Take a part of the room. Raises Overloaded where that is not left."""
        if self.taken + amount > self.size:
            raise Overloaded(self.reason)
        self.taken += amount

    def give_back(self, amount: int) -> None:
        """Give a part back."""
        self.taken -= amount


async def body_of(request: Request, limits: Limits, room: Room) -> bytearray:
    """Return the body of a request, which its handler gives back to the `room`.

    Raises Refusal for one too long, before it is read where its length is told, and for a client that is too slow.
    """
    import asyncio

    told = request.headers.get("content-length", "0")
    if told.isdecimal() and int(told) > limits.body:
        raise _too_long(limits)
    if request.headers.get("content-encoding", "identity") != "identity":
        raise Refusal(415, "the body is compressed", fix="send it as it is")
    body = bytearray()
    try:
        async with asyncio.timeout(limits.patience):
            async for chunk in request.stream():
                if len(body) + len(chunk) > limits.body:
                    raise _too_long(limits)
                room.take(len(chunk))
                body += chunk
    except BaseException as error:
        room.give_back(len(body))
        if isinstance(error, TimeoutError):
            raise Refusal(408, f"the request did not arrive within {limits.patience:g} s") from error
        if isinstance(error, ClientDisconnect):
            raise Refusal(499, "the client has gone") from error
        raise
    return body


def _too_long(limits: Limits) -> Refusal:
    return Refusal(413, f"the body is longer than {limits.body:,} bytes", fix="send fewer texts, or stream them")


def check_texts(texts: list[str], limits: Limits) -> None:
    """Raise Refusal for too many texts, or one too long."""
    if len(texts) > limits.texts:
        raise Refusal(413, f"{len(texts):,} texts in one request", fix=f"send at most {limits.texts:,}, or stream them")
    for place, text in enumerate(texts):
        if len(text) > limits.characters:
            raise Refusal(
                413,
                f"text {place} has {len(text):,} characters",
                fix=f"send at most {limits.characters:,}",
            )
