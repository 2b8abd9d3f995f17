"""Which files are predicted and where the answers go: the same for every engine.

Paths are local, or URLs of any file system that `fsspec` knows, such as `s3://bucket/folder/*.parquet`.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from attnclf.data.detect import missing
from attnclf.data.formats import by_name, extensions
from attnclf.engines.destination import File, finished
from attnclf.errors import DataError

WILD = "*?["


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The files of a run and their file systems; `unfinished` are those whose output is not there, large ones first.

    Large ones first, so that at the end no worker is left alone with a large file.
    """

    sources: Any  # fsspec's AbstractFileSystem
    targets: Any
    files: tuple[File, ...]
    unfinished: tuple[File, ...]


def plan(source: str, out: str, *, settings: Mapping[str, object], suffix: str, any_extension: bool = False) -> Plan:
    """Find the files, and open the destination or go on in it.

    `source` is a file, a folder or a pattern, `out` a folder; either may be a URL. `settings` is what the answers
    depend on, as plain values. An output has the name of its input with `suffix` in place of the extension. Of a folder
    those files are taken whose extension is known, or with `any_extension` all of them.

    Raises DataError where there is nothing to read, and where the destination holds anything but the same run.
    """
    sources, place = file_system(source)
    targets, folder = file_system(out)
    base, found = listed(sources, place, source, any_extension)
    if sources == targets:  # answers are no texts, also where they lie among them
        found = {path: size for path, size in found.items() if not path.startswith(f"{folder}/")}
    files = tuple(
        File(path, f"{folder}/{answers_of(name, suffix)}", name, size)
        for path, size in found.items()
        if (name := path.removeprefix(base).lstrip("/"))
    )
    for target, count in Counter(file.target for file in files).items():
        if count > 1:
            same = [file.source for file in files if file.target == target]
            raise DataError(f"{same[0]} and {same[1]} would have one output", fix="rename one, or predict them apart")
    done = finished(targets, folder, out, settings=settings, files=files)
    unfinished = sorted((file for file in files if file.target not in done), key=lambda file: -file.size)
    return Plan(sources=sources, targets=targets, files=files, unfinished=tuple(unfinished))


def file_system(url: str) -> tuple[Any, str]:
    """Return the file system of a path or URL, and the path in it without a slash at its end."""
    import fsspec

    try:
        system, path = fsspec.core.url_to_fs(url)
    except (ImportError, ValueError, OSError) as error:
        raise DataError(f"{url} cannot be opened: {error}", fix="check the URL; fsspec names what it needs") from error
    system.invalidate_cache()
    return system, str(path).rstrip("/") if len(str(path)) > 1 else str(path)


def listed(system: Any, place: str, said: str, any_extension: bool) -> tuple[str, dict[str, int]]:
    """Return the folder that the files have in common, and the size of each, in the order of their names."""
    try:
        if system.isfile(place):
            return str(PurePosixPath(place).parent), {place: int(system.size(place))}
        if system.isdir(place):
            return place, in_folder(system, place, said, any_extension)
        if any(sign in place for sign in WILD):
            found = system.glob(place, detail=True)
            if files := {path: int(about["size"] or 0) for path, about in found.items() if about["type"] == "file"}:
                return steady(place), dict(sorted(files.items()))
            raise DataError(f"no file matches {said}", fix="check the pattern")
    except (OSError, ImportError) as error:
        raise DataError(f"{said} cannot be read: {error}", fix="check the address and the permissions") from error
    if "://" in said or "::" in said:
        raise DataError(f"{said} does not exist", fix="check the address and the permissions")
    raise missing(Path(said))


def in_folder(system: Any, place: str, said: str, any_extension: bool) -> dict[str, int]:
    """Return the files of a folder and those below it; names that begin with a dot or an underscore are passed over."""
    found = {}
    for path, about in sorted(system.find(place, detail=True).items()):
        names = PurePosixPath(path.removeprefix(place).lstrip("/"))
        if not any(name.startswith((".", "_")) for name in names.parts) and (any_extension or known(names)):
            found[path] = int(about["size"] or 0)
    if not found:
        kinds = ", ".join(sorted(filter(None, extensions())))
        raise DataError(f"{said} has no files with texts", fix=f"their extensions are {kinds}; or pass --input-format")
    return found


def known(name: PurePosixPath) -> bool:
    """Whether a file's extension is that of texts."""
    return by_name(name.name) is not None


def bare(name: PurePosixPath) -> PurePosixPath:
    """Return a name without .gz."""
    return name.with_suffix("") if name.suffix.lower() == ".gz" else name


def steady(pattern: str) -> str:
    """Return the folders of a pattern that come before its first sign."""
    parts = PurePosixPath(pattern).parts
    first = next(index for index, part in enumerate(parts) if any(sign in part for sign in WILD))
    return str(PurePosixPath(*parts[:first])) if first else ""


def answers_of(name: str, suffix: str) -> str:
    """Return the name of an output."""
    return str(bare(PurePosixPath(name)).with_suffix(suffix))
