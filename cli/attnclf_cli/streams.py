"""What stdout and stderr are to a command: UTF-8 wherever they lead, and no traceback where nobody takes it."""

import io
import sys
from collections.abc import Callable
from typing import NoReturn, TextIO

from attnclf.errors import DataError

ERRORS = "backslashreplace"  # a file name may hold bytes that are no UTF-8


class ReaderLeft(Exception):  # noqa: N818 (it is no error)
    """Whoever read our output has enough. Rich ends the process on a BrokenPipeError in its own way, not on this."""


def prepare() -> None:
    """Put both streams in the place of Python's own."""
    sys.stdout = _text(sys.stdout, _unwritten)
    # Notes that nobody reads are no reason to stop.
    sys.stderr = _text(sys.stderr, lambda problem: None)


def _unwritten(problem: OSError | None) -> NoReturn:
    if problem is None:
        raise DataError("stdout is closed", fix="send the output to a file or a pipe")
    if isinstance(problem, BrokenPipeError):
        raise ReaderLeft from problem
    raise DataError(
        f"cannot write to stdout: {problem.strerror}", fix="make room there, or send the output elsewhere"
    ) from problem


def _text(stream: TextIO | None, failed: Callable[[OSError | None], None]) -> TextIO:
    """Return a text stream that is buffered as `stream` is; None is what Python makes of a closed one."""
    if stream is None:
        return io.TextIOWrapper(_Checked(None, failed), encoding="utf-8", errors=ERRORS, write_through=True)
    if not isinstance(stream, io.TextIOWrapper):
        return stream
    checked = _Checked(getattr(stream.buffer, "raw", stream.buffer), failed)  # PYTHONUNBUFFERED leaves the buffer out
    return io.TextIOWrapper(
        checked if stream.write_through else io.BufferedWriter(checked),  # type: ignore[type-var]
        encoding="utf-8",
        errors=ERRORS,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )


class _Checked(io.RawIOBase):
    """Bytes on their way to `raw`; when they do not arrive, `failed` is told once, and what follows goes nowhere.

    So the interpreter's last flush has nothing to say.
    """

    name, mode = "<stream>", "wb"

    def __init__(self, raw: io.RawIOBase | None, failed: Callable[[OSError | None], None]) -> None:
        self._raw, self._failed, self._lost = raw, failed, False

    def fileno(self) -> int:
        return super().fileno() if self._raw is None else self._raw.fileno()

    def isatty(self) -> bool:
        return self._raw is not None and self._raw.isatty()

    def writable(self) -> bool:
        return True

    def write(self, data: "bytes | bytearray | memoryview") -> int | None:  # type: ignore[override]
        if self._lost or not data:  # nothing is written to find out what kind of stream this is
            return len(data)
        problem = None
        if self._raw is not None:
            try:
                return self._raw.write(data)
            except OSError as error:
                problem = error
        self._lost = True
        self._failed(problem)
        return len(data)
