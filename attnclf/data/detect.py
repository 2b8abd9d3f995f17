"""A DATA argument → a source: a file of some format, a folder, a name on the hub, stdin, or an object in memory."""

import atexit
import difflib
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import BinaryIO

from attnclf.data import formats
from attnclf.data.formats import FORMATS
from attnclf.data.source import Source
from attnclf.data.streams import head_of, open_bytes
from attnclf.errors import DataError

HUB_PREFIX = "hf:"


def detect(argument: object, *, format: str | None = None) -> Source:
    """Find out what labelled data is; raises DataError when it is missing or of an unknown format.

    Stdin and pipes can be read only once, so they are first copied to a temporary file, removed at exit.
    """
    check_format(format)
    source = standing(argument, format)
    if source is not None:
        return source
    name = str(argument)
    if name == "-":
        return spooled("stdin", stdin(), format)
    path = Path(name)
    if not path.is_file():
        with path.open("rb") as pipe:
            return spooled(name, pipe, format)
    with open_bytes(path) as stream:
        found = format or formats.of_file(path.name, head_of(stream, path.name))
    if found is None:
        raise DataError(
            f"{path.name} has an extension that is not known, '{formats.extension_of(path)}'",
            fix=f"pass --input-format with one of: {', '.join(formats.selectable())}",
        )
    return Source(name=path.name, format=found, location=name)


def standing(argument: object, format: str | None) -> Source | None:
    """Return what is no file: an object, a hub dataset, a folder. Raises DataError for what does not exist."""
    if not isinstance(argument, str | os.PathLike):
        if format is not None:
            raise DataError("rows in memory have no file format", fix="leave --input-format out")
        return Source(name="the data", format=formats.of_object(argument), data=argument)
    name = os.fspath(argument)
    if name.startswith(HUB_PREFIX):
        return Source(name=name, format="hub", location=name.removeprefix(HUB_PREFIX))
    if name == "-":
        return None
    path = Path(name)
    if not present(path):
        raise missing(path, hub=True)
    if path.is_dir():
        if format not in (None, "folder"):
            raise DataError(f"{name} is a folder, not a {format} file", fix="name the file in it")
        return Source(name=path.name or str(path), format="folder", location=name)
    if format is not None and FORMATS[format].container:
        raise DataError(f"{name} is a file, not a {format}", fix=f"leave --input-format out, or name the {format}")
    return None


def check_format(format: str | None) -> None:
    """Raise DataError for a format that nobody can ask for, with the near names."""
    known = formats.selectable()
    if format is not None and format not in known:
        near = difflib.get_close_matches(format, known, n=1)
        raise DataError(f"unknown format '{format}'", fix=f"use one of: {', '.join(near or known)}")


def stdin() -> BinaryIO:
    """Return the bytes of stdin; raises DataError where it is closed."""
    if sys.stdin is None:
        raise DataError("stdin is closed", fix="pipe the data in, or name a file")
    return sys.stdin.buffer


def present(path: Path) -> bool:
    """Whether there is such a file or folder; a text given in place of a name may be too long to be one."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def refuse_missing(argument: str | None) -> None:
    """Raise DataError for the name of a file or folder that does not exist."""
    if argument not in (None, "-") and not argument.startswith(HUB_PREFIX) and not present(Path(argument)):
        raise missing(Path(argument), hub=True)


def missing(path: Path, *, hub: bool = False) -> DataError:
    """Return the error for a path that does not exist, with a near name in its folder or a name on the hub, if any."""
    folder = path.parent
    if not folder.is_dir():
        return DataError(f"{path} does not exist: there is no folder {folder}", fix="check the path")
    near = difflib.get_close_matches(path.name, [entry.name for entry in folder.iterdir()], n=3)
    if near:
        return DataError(f"{path} does not exist", fix=f"did you mean {' or '.join(str(folder / n) for n in near)}?")
    name = f", or write {HUB_PREFIX}{path.as_posix()} for a dataset on the Hugging Face hub"
    return DataError(f"{path} does not exist", fix=f"check the path{name if hub and not path.suffix else ''}")


def spooled(name: str, pipe: BinaryIO, format: str | None) -> Source:
    """Copy a stream that can be read once to a temporary file, removed at exit."""
    with tempfile.NamedTemporaryFile(prefix="attnclf-", delete=False) as copy:
        atexit.register(Path(copy.name).unlink, missing_ok=True)
        shutil.copyfileobj(pipe, copy)
    with open_bytes(Path(copy.name)) as stream:
        found = format or formats.by_content(head_of(stream, name))
    return Source(name=name, format=found, location=copy.name)
