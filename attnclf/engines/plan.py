"""Which files are predicted, where the answers go, and what is finished already: the same for every engine.

Paths are local, or URLs of any file system that `fsspec` knows, such as `s3://bucket/folder/*.parquet`.

A destination belongs to one run: a description of the run lies in it, and only a run with the same model, settings and
inputs may go on there. An output appears under its name when it is whole, so what is there is finished.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from attnclf.data.source import EXTENSIONS, missing
from attnclf.engines.whole import UNFINISHED, whole
from attnclf.errors import DataError

DESCRIPTION = "_attnclf.json"  # tools that read a folder of results pass over names with an underscore
WILD = "*?["


class File(NamedTuple):
    """One input and its output, both paths in their own file system; `size` is in bytes, as stored."""

    source: str
    target: str
    size: int


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
    names = {path: path.removeprefix(base).lstrip("/") for path in found}
    files = tuple(File(path, f"{folder}/{answers_of(names[path], suffix)}", size) for path, size in found.items())
    for target, count in Counter(file.target for file in files).items():
        if count > 1:
            same = [file.source for file in files if file.target == target]
            raise DataError(f"{same[0]} and {same[1]} would have one output", fix="rename one, or predict them apart")
    description = {"settings": dict(settings), "inputs": {names[path]: size for path, size in found.items()}}
    done = begun(targets, folder, out, description)
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
        kinds = ", ".join(sorted(filter(None, EXTENSIONS)))
        raise DataError(f"{said} has no files with texts", fix=f"their extensions are {kinds}; or pass --input-format")
    return found


def known(name: PurePosixPath) -> bool:
    """Whether a file's extension is that of texts."""
    return bare(name).suffix.lower() in EXTENSIONS


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


def begun(targets: Any, folder: str, out: str, description: Mapping[str, Any]) -> set[str]:
    """Describe the run in its destination; return what an earlier attempt at the same run has finished there.

    What it has left half done is removed: only one run at a time may have a destination.
    """
    place = f"{folder}/{DESCRIPTION}"
    # Without a round trip through JSON, a tuple among the settings would differ from the list that is read back.
    wanted = json.loads(json.dumps(description))
    try:
        if targets.isfile(folder):
            raise DataError(f"{out} is a file", fix="pass a folder as --out: each input gets its own output")
        there = targets.find(folder) if targets.isdir(folder) else []
        if not there:
            targets.makedirs(folder, exist_ok=True)
            with whole(targets, place) as file:
                json.dump(wanted, file, ensure_ascii=False, indent=1)
            return set()
        if place not in there:
            raise DataError(f"{out} holds other files", fix="pass an empty folder, or a new one, as --out")
        with targets.open(place, "rb") as file:
            earlier = json.loads(file.read())
    except (OSError, ImportError, ValueError) as error:
        raise DataError(f"{out} cannot be used: {error}", fix="pass another --out") from error
    if earlier != wanted:
        raise DataError(
            f"{out} was begun with other {' and '.join(differing(earlier, wanted))}",
            fix="pass another --out, or repeat the command as it was to go on",
        )
    for path in there:
        if path.endswith(UNFINISHED):
            targets.rm(path)
    return {path for path in there if not path.endswith(UNFINISHED)}


def differing(earlier: Any, wanted: Mapping[str, Any]) -> Iterator[str]:
    """Name what two descriptions do not have in common."""
    settings = earlier.get("settings", {})
    yield from (name for name, value in wanted["settings"].items() if settings.get(name) != value)
    if earlier.get("inputs") != wanted["inputs"]:
        yield "inputs"


def fingerprint(path: Path) -> str:
    """Return the checksum of a file; that of a bundle's manifest stands for the whole bundle."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
