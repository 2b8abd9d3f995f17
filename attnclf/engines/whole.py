"""A file that is there when it is whole, and not before, on any file system that fsspec knows."""

import contextlib
from collections.abc import Iterator
from io import TextIOWrapper
from typing import Any, TextIO
from uuid import uuid4

UNFINISHED = ".part"


@contextlib.contextmanager
def whole(system: Any, path: str) -> Iterator[TextIO]:
    """Yield a UTF-8 text stream; what was written there gets its name when the block ends well, else it is removed.

    The temporary name is never used twice: two that write the same file, one of them given up for dead, end with one
    whole file. A process that is killed leaves its temporary file behind.
    """
    folder, _, name = path.rpartition("/")
    fresh = f"{folder}/.{name}.{uuid4().hex}{UNFINISHED}"
    system.makedirs(folder, exist_ok=True)
    try:
        with system.open(fresh, "wb") as raw, TextIOWrapper(raw, encoding="utf-8", newline="\n") as file:
            yield file
        system.mv(fresh, path)
    except BaseException:
        with contextlib.suppress(OSError):
            system.rm(fresh)
        raise
