"""A file that a person names for a result: where it may stand, and how it appears when it is complete."""

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from attnclf.errors import ConfigError, DataError


def place_of(said: str | Path, *, option: str, model: Path, file: str = "FILE") -> Path:
    """Return the path of a file that a person named by an option, beside a model that is in use.

    Raises DataError for a folder, there or to be, with `file` as the name of one in it, and ConfigError for a file in
    the folder of the model, which could be one of its own.
    """
    place = Path(said)
    if place.is_dir() or str(said).endswith(("/", os.sep)):
        raise DataError(f"{said or place} is a folder", fix=f"name a file: {option} {place / file}")
    if place.resolve().is_relative_to(model.resolve()):
        raise ConfigError(f"{said} lies in the model folder, which would be damaged", fix=f"pass another {option}")
    return place


@contextlib.contextmanager
def replacing(place: Path) -> Iterator[Path]:
    """Yield a path beside a file, for another one that takes its place when the block ends well.

    A link stays, and what it points to is replaced; a file that was there leaves its permissions. A device or a pipe is
    yielded as it is, for it is written to and not replaced.
    """
    if place.exists() and not place.is_file():
        yield place
        return
    place = Path(os.path.realpath(place))
    fresh = place.with_name(f".{place.name}.{os.getpid()}")
    try:
        yield fresh
        if place.exists():
            shutil.copymode(place, fresh)
        fresh.replace(place)
    finally:
        fresh.unlink(missing_ok=True)
