"""A file that appears when it is complete."""

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def replacing(place: Path) -> Iterator[Path]:
    """Yield a path beside a file, for another one that takes its place when the block ends well.

    A link stays, and what it points to is replaced; a file that was there leaves its permissions.
    """
    place = Path(os.path.realpath(place))
    fresh = place.with_name(f".{place.name}.{os.getpid()}")
    try:
        yield fresh
        if place.exists():
            shutil.copymode(place, fresh)
        fresh.replace(place)
    finally:
        fresh.unlink(missing_ok=True)
