"""Uploads that are kept until they are complete: in memory while they are short, else in a temporary file."""

import asyncio
import logging
from collections.abc import AsyncIterator
from tempfile import SpooledTemporaryFile

from attnclf.serve.limits import MEBIBYTE, CapacityLimiter
from attnclf.serve.refusals import UNAVAILABLE, Refusal

IN_MEMORY = MEBIBYTE  # bytes of an upload that need no file
CHUNK = 64 * 1024  # bytes that are read at a time

log = logging.getLogger("attnclf.serve")


class Spool:
    """One upload; its size is released from `capacity` when it is closed."""

    def __init__(self, capacity: CapacityLimiter) -> None:
        self._capacity, self._size = capacity, 0
        self._file = SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115  # it is open as long as the upload is needed

    async def add(self, chunk: bytes) -> None:
        """Keep a chunk. Raises Refusal for a large upload or a full disk, Overloaded when `capacity` is used up."""
        if self._size + len(chunk) > self._capacity.capacity:
            raise Refusal(
                413,
                f"the upload is longer than {self._capacity.capacity:,} bytes, and it is kept until it is complete",
                fix="send it in pieces, or with wait=false where no proxy loses lines",
            )
        self._capacity.acquire(len(chunk))
        self._size += len(chunk)
        try:
            await asyncio.to_thread(self._file.write, chunk)
        except OSError as error:
            log.error("An upload could not be kept until it is complete: %s", error.strerror or error)
            raise Refusal(
                UNAVAILABLE, "the disk has no space to keep the upload until it is complete", fix="send it in pieces"
            ) from error

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield what was kept."""
        self._file.seek(0)
        while chunk := await asyncio.to_thread(self._file.read, CHUNK):
            yield chunk

    def close(self) -> None:
        """Remove the file and release its size."""
        self._capacity.release(self._size)
        self._file.close()
