"""Which files are predicted and where the outputs go: the same for every engine.

Paths are local, or URLs of any file system that `fsspec` supports, such as `s3://bucket/folder/*.parquet`.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from attnclf.data.detect import missing
from attnclf.data.formats import by_name, extensions
from attnclf.engines.destination import File, open_destination
from attnclf.errors import DataError

WILD = "*?["


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The files of a run and their file systems; `unfinished` are those without an output.

    Large files come first, so that no worker is left alone with one at the end.
    """

    sources: Any  # fsspec's AbstractFileSystem
    targets: Any
    files: tuple[File, ...]
    unfinished: tuple[File, ...]


def plan(source: str, out: str, *, settings: Mapping[str, object], suffix: str, any_extension: bool = False) -> Plan:
    """Find the files, and open the destination.

    `source` is a file, a folder or a pattern, `out` a folder; either may be a URL. `settings` are the settings of the
    run, as plain values. An output has the name of its input with `suffix` in place of the extension. In a folder the
    files with a known extension are predicted, or with `any_extension` all files.

    Raises DataError where there is nothing to read, and for a destination with anything but outputs of the same run.
    """
    sources, path = file_system(source)
    targets, folder = file_system(out)
    base, found = find_files(sources, path, source, any_extension)
    if sources == targets:  # outputs are no inputs
        found = {path: size for path, size in found.items() if not path.startswith(f"{folder}/")}
    files = tuple(
        File(path, f"{folder}/{output_name(name, suffix)}", name, size)
        for path, size in found.items()
        if (name := path.removeprefix(base).lstrip("/"))
    )
    for target, count in Counter(file.target for file in files).items():
        if count > 1:
            same = [file.source for file in files if file.target == target]
            raise DataError(
                f"{same[0]} and {same[1]} would have the same output", fix="rename one, or predict them apart"
            )
    done = open_destination(targets, folder, out, settings=settings, files=files)
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


def find_files(system: Any, path: str, given: str, any_extension: bool) -> tuple[str, dict[str, int]]:
    """Return the folder that the files have in common, and the size of each, in the order of their names."""
    try:
        if system.isfile(path):
            return str(PurePosixPath(path).parent), {path: int(system.size(path))}
        if system.isdir(path):
            return path, files_of_folder(system, path, given, any_extension)
        if any(sign in path for sign in WILD):
            found = system.glob(path, detail=True)
            if files := {name: int(about["size"] or 0) for name, about in found.items() if about["type"] == "file"}:
                return fixed_part(path), dict(sorted(files.items()))
            raise DataError(f"no file matches {given}", fix="check the pattern")
    except (OSError, ImportError) as error:
        raise DataError(f"{given} cannot be read: {error}", fix="check the address and the permissions") from error
    if "://" in given or "::" in given:
        raise DataError(f"{given} does not exist", fix="check the address and the permissions")
    raise missing(Path(given))


def files_of_folder(system: Any, folder: str, given: str, any_extension: bool) -> dict[str, int]:
    """Return the files of a folder and those below it; names that start with a dot or an underscore are skipped."""
    found = {}
    for path, about in sorted(system.find(folder, detail=True).items()):
        names = PurePosixPath(path.removeprefix(folder).lstrip("/"))
        if not any(name.startswith((".", "_")) for name in names.parts) and (any_extension or known(names)):
            found[path] = int(about["size"] or 0)
    if not found:
        kinds = ", ".join(sorted(filter(None, extensions())))
        raise DataError(f"{given} has no files with texts", fix=f"their extensions are {kinds}; or pass --input-format")
    return found


def known(name: PurePosixPath) -> bool:
    """Whether the extension of a file is known."""
    return by_name(name.name) is not None


def without_gz(name: PurePosixPath) -> PurePosixPath:
    """Return a name without .gz."""
    return name.with_suffix("") if name.suffix.lower() == ".gz" else name


def fixed_part(pattern: str) -> str:
    """Return the folders of a pattern before its first wildcard."""
    parts = PurePosixPath(pattern).parts
    first = next(index for index, part in enumerate(parts) if any(sign in part for sign in WILD))
    return str(PurePosixPath(*parts[:first])) if first else ""


def output_name(name: str, suffix: str) -> str:
    """Return the name of an output."""
    return str(without_gz(PurePosixPath(name)).with_suffix(suffix))
