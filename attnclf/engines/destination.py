"""The folder that answers go to: what a run finds there, and may go on with.

A destination belongs to one model and its settings: a description lies in it, and only a run with the same may go on
there. An output appears under its name when it is whole, so what is there is finished. New inputs may join; one that
has changed since it was finished is refused.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from attnclf.atomic import UNFINISHED, atomic_upload
from attnclf.errors import DataError

DESCRIPTION = "_attnclf.json"  # tools that read a folder of results pass over names with an underscore


class File(NamedTuple):
    """One input and its output, both paths in their own file system, and its name within the inputs.

    `size` is in bytes, as stored.
    """

    source: str
    target: str
    name: str
    size: int


def finished(
    targets: Any, folder: str, said: str, *, settings: Mapping[str, object], files: Sequence[File]
) -> set[str]:
    """Describe a run in its folder; return the paths of what is finished there. `said` is what the person called it.

    What an earlier run has left half done is removed: only one run at a time may have a destination. Raises DataError
    where the folder holds anything but the same model's answers.
    """
    try:
        if targets.isfile(folder):
            raise DataError(f"{said} is a file", fix="pass a folder as --out: each input gets its own output")
        there = set(targets.find(folder)) if targets.isdir(folder) else set()
        if there:
            check(said, described(targets, folder, said, there), settings, [f for f in files if f.target in there])
        for path in [path for path in there if path.endswith(UNFINISHED)]:
            targets.rm(path)
        with atomic_upload(targets, f"{folder}/{DESCRIPTION}") as file:
            inputs = {file.name: file.size for file in files}
            json.dump({"settings": settings, "inputs": inputs}, file, ensure_ascii=False, indent=1)
    except (OSError, ImportError) as error:
        raise DataError(f"{said} cannot be used: {error}", fix="pass another --out") from error
    return there


def described(targets: Any, folder: str, said: str, there: set[str]) -> dict[str, Any]:
    """Return the description that lies in a folder."""
    place = f"{folder}/{DESCRIPTION}"
    if place not in there:
        raise DataError(f"{said} holds other files", fix="pass an empty folder, or a new one, as --out")
    with targets.open(place, "rb") as file:
        try:
            return dict(json.load(file))
        except ValueError as error:
            raise DataError(f"{place} is damaged: {error}", fix="pass another --out") from error


def check(said: str, earlier: Mapping[str, Any], settings: Mapping[str, object], done: Sequence[File]) -> None:
    """Raise DataError unless the answers that are there are those that this run would write."""
    # Through JSON and back, as the other has been: a tuple would differ from the list that it has become.
    wanted = json.loads(json.dumps(settings))
    differing = [name for name, value in wanted.items() if earlier["settings"].get(name) != value]
    if differing:
        raise DataError(
            f"{said} was begun with another {' and '.join(differing)}",
            fix="pass another --out, or repeat the command as it was to go on",
        )
    for file in done:
        if earlier["inputs"].get(file.name) != file.size:
            raise DataError(
                f"{file.source} has changed since it was predicted", fix=f"remove {file.target} to predict it again"
            )
