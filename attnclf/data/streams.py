"""Bytes of a file → lines of text; compressed files are opened as they are."""

import gzip
import io
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

from attnclf.errors import DataError

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
GZIP_MAGIC = b"\x1f\x8b"
# What a compressed file that was cut short or overwritten raises while it is read.
DAMAGE = (EOFError, gzip.BadGzipFile, zlib.error)


def open_bytes(path: Path) -> BinaryIO:
    """Open a file for reading, decompressing it if its first two bytes say gzip, whatever it is called."""
    try:
        stream = path.open("rb")
    except OSError as error:
        raise DataError(
            f"{path} cannot be opened: {error.strerror}", fix="check the path and its permissions"
        ) from error
    if not path.is_file():  # a pipe, or a device
        return unzipped(stream)
    if stream.peek(2)[:2] == GZIP_MAGIC:
        # GzipFile closes only files it opened itself, so that a peeked stream would stay open.
        stream.close()
        return cast("BinaryIO", gzip.open(path, "rb"))
    return stream


def unzipped(stream: BinaryIO) -> BinaryIO:
    """Return what comes out of a pipe, decompressed if its first two bytes say gzip; waits for the first."""
    seen = stream if isinstance(stream, io.BufferedReader) else io.BufferedReader(cast("io.RawIOBase", stream))
    return cast("BinaryIO", _Unzipped(seen)) if seen.peek(2)[:2] == GZIP_MAGIC else seen


class _Arriving(io.RawIOBase):
    """Gives gzip what has arrived: `BufferedReader.read` would wait until a whole block is there."""

    HEADER = 1024  # bytes: gzip asks for so few only where it needs them all

    def __init__(self, stream: io.BufferedReader) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        return self._stream.read(size) if size < self.HEADER else self._stream.read1(size)


class _Unzipped(gzip.GzipFile):
    """Decompresses a pipe, and closes it at the end."""

    def __init__(self, pipe: io.BufferedReader) -> None:
        self._pipe = pipe
        super().__init__(fileobj=_Arriving(pipe), mode="rb")

    def close(self) -> None:
        super().close()
        self._pipe.close()


def without_mark(first: bytes, name: str = "the text") -> bytes:
    """Drop a UTF-8 byte order mark from the first bytes of a stream; raises DataError on a UTF-16 one."""
    if first.startswith(UTF16_MARKS):
        raise DataError(f"{name} is UTF-16", fix="convert it: iconv -f UTF-16 -t UTF-8 OLD > NEW")
    return first.removeprefix(BYTE_ORDER_MARK)


def lines(stream: BinaryIO) -> Iterator[str]:
    """Decode line by line, line endings kept.

    Bytes that are not UTF-8 become lone surrogates (U+DC80 to U+DCFF), so that one bad line costs one row and not the
    file: `cells.row` finds them with the text they stand in.
    """
    first = stream.readline()
    if first:
        yield without_mark(first).decode("utf-8", "surrogateescape")
    for line in stream:
        yield line.decode("utf-8", "surrogateescape")
