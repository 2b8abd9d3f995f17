"""Atomic writes: a file or folder has its name when it is complete, and not before.

Each is written under a temporary name next to its path and renamed. A process that is killed leaves that name behind.
"""

import contextlib
import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from io import TextIOWrapper
from pathlib import Path
from typing import Any, TextIO

from attnclf.errors import ConfigError, DataError
from attnclf.machine import in_ray_job

UNFINISHED = ".part"  # ends a temporary name


def temporary_name(name: str) -> str:
    """Return a hidden name that is never used twice: two writers of one path end with one complete file."""
    return f".{name}.{os.urandom(8).hex()}{UNFINISHED}"


@contextlib.contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a temporary path; what is written there replaces `path` when the block ends well, else it is removed.

    A link stays, and the file that it points to is replaced; the new file has the permissions of the old one. A device
    or a pipe is yielded itself.
    """
    if path.exists() and not path.is_file():
        yield path
        return
    path = Path(os.path.realpath(path))
    temporary = path.with_name(temporary_name(path.name))
    try:
        yield temporary
        if path.exists():
            shutil.copymode(path, temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def atomic_folder(path: Path, *, replace: bool = True) -> Iterator[Path]:
    """Yield an empty folder that becomes `path` when the block ends well, else it is removed.

    An existing folder is replaced as a whole, and stays when the renaming fails. Raises FileExistsError for an existing
    `path` where `replace` is False. A link stays, and the folder that it points to is replaced.
    """
    path = Path(os.path.realpath(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    with _temporary_folder(path) as temporary:
        yield temporary
        temporary.chmod(0o777 & ~_umask())
        if not path.exists():
            temporary.replace(path)
            return
        if not replace:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
        with _temporary_folder(path) as old:
            before = path.replace(old / "before")
            try:
                temporary.replace(path)
            except BaseException:
                before.replace(path)
                raise


@contextlib.contextmanager
def atomic_upload(system: Any, path: str) -> Iterator[TextIO]:
    """Yield a UTF-8 text stream to a file that has its name when the block ends well, else it is removed.

    `system` is any file system of `fsspec`, `path` a path in it.
    """
    folder, _, name = path.rpartition("/")
    temporary = f"{folder}/{temporary_name(name)}"
    system.makedirs(folder, exist_ok=True)
    try:
        with system.open(temporary, "wb") as raw, TextIOWrapper(raw, encoding="utf-8", newline="\n") as file:
            yield file
        system.mv(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            system.rm(temporary)
        raise


def output_path(given: str | Path, *, option: str, model: Path, file: str = "FILE") -> Path:
    """Return the path of a file that a person named by an option, while the folder `model` is in use.

    Raises DataError for a folder, with `file` as the name of a file in it, and ConfigError for a file in the folder of
    the model, or one that `refuse_lost` refuses.
    """
    path = Path(given)
    refuse_lost(given, option=option)
    if path.is_dir() or str(given).endswith(("/", os.sep)):
        raise DataError(f"{given or path} is a folder", fix=f"name a file: {option} {path / file}")
    if path.resolve().is_relative_to(model.resolve()):
        raise ConfigError(f"{given} is in the model folder, which would be damaged", fix=f"pass another {option}")
    return path


def refuse_lost(given: str | Path, *, option: str) -> None:
    """Raise ConfigError for a relative path in a Ray job: Ray deletes the job's working folder and the file with it."""
    if in_ray_job() and "://" not in str(given) and not Path(given).is_absolute():
        raise ConfigError(
            f"a job of `ray job submit` runs in a copy of its working folder, which is deleted, and {given} with it",
            fix=f"pass an absolute path or a URL as {option}, in storage that all machines share",
        )


@contextlib.contextmanager
def _temporary_folder(path: Path) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
