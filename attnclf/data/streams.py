"""Bytes of a file → lines of text; compressed files are opened as they are."""

import gzip
import io
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import BinaryIO, cast

from attnclf.errors import DataError

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
GZIP_MAGIC = b"\x1f\x8b"
HEAD = 1 << 16  # bytes by which a format is known
# What a compressed file that was cut short or overwritten raises while it is read.
DAMAGE = (EOFError, gzip.BadGzipFile, zlib.error)


@dataclass(slots=True)
class Damage:
    """How many lines so far were not valid UTF-8 and were read with U+FFFD in place of the broken bytes."""

    lines: int = 0


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

    def seekable(self) -> bool:
        return False

    def close(self) -> None:
        super().close()
        self._pipe.close()


def without_mark(first: bytes, name: str = "the text") -> bytes:
    """Drop a UTF-8 byte order mark from the first bytes of a stream; raises DataError on a UTF-16 one."""
    if first.startswith(UTF16_MARKS):
        raise DataError(f"{name} is UTF-16", fix="convert it: iconv -f UTF-16 -t UTF-8 OLD > NEW")
    return first.removeprefix(BYTE_ORDER_MARK)


def head_of(stream: BinaryIO, name: str) -> bytes:
    """First bytes of a stream, without a byte order mark, and back to its start; none of a damaged one or a pipe."""
    if not stream.seekable():
        return b""
    try:
        return without_mark(stream.read(HEAD), name)
    except DAMAGE:
        return b""  # whoever reads it to the end finds the damage
    finally:
        stream.seek(0)


def lines(stream: BinaryIO, damage: Damage | None = None) -> Iterator[str]:
    """Decode line by line, line endings kept. DataError for a compressed stream that is damaged.

    Bytes that are not UTF-8 become lone surrogates (U+DC80 to U+DCFF), so that one bad line costs one row and not the
    file. `cells.row` finds them with their text. With `damage` they become U+FFFD, and the line is counted.
    """
    try:
        first = without_mark(stream.readline())
        for line in chain([first] if first else [], stream):
            try:
                yield line.decode()
            except UnicodeDecodeError:
                if damage is not None:
                    damage.lines += 1
                yield line.decode("utf-8", "surrogateescape" if damage is None else "replace")
    except DAMAGE as error:
        raise DataError(f"the file is damaged: {error}", fix="compress or copy it again") from error


def unended(line: str) -> str:
    """A line without its ending."""
    if line.endswith("\n"):
        return line[:-2] if line.endswith("\r\n") else line[:-1]
    return line
