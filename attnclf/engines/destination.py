"""The folder of the outputs, in which an interrupted run can continue.

The folder has a description of the model and its settings, and only a run with the same model and settings may
continue there. An output has its name when it is complete. New inputs may join; an input that changed after its output
was written is refused.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from attnclf.atomic import UNFINISHED, atomic_upload
from attnclf.errors import DataError

DESCRIPTION = "_attnclf.json"  # readers of a folder skip names that start with an underscore


class File(NamedTuple):
    """One input and its output, both paths in their own file system, and its name within the inputs.

    `size` is in bytes, as stored.
    """

    source: str
    target: str
    name: str
    size: int


def open_destination(
    targets: Any, folder: str, given: str, *, settings: Mapping[str, object], files: Sequence[File]
) -> set[str]:
    """Write the description of a run into its folder; return the paths of the outputs there.

    `given` is the name of the folder in messages. Unfinished files of an earlier run are removed: only one run at a
    time may use a destination. Raises DataError for a folder with anything but outputs of the same run.
    """
    try:
        if targets.isfile(folder):
            raise DataError(f"{given} is a file", fix="pass a folder as --out: each input gets its own output")
        there = set(targets.find(folder)) if targets.isdir(folder) else set()
        if there:
            check_same_run(
                given,
                read_description(targets, folder, given, there),
                settings,
                [f for f in files if f.target in there],
            )
        for path in [path for path in there if path.endswith(UNFINISHED)]:
            targets.rm(path)
        with atomic_upload(targets, f"{folder}/{DESCRIPTION}") as file:
            inputs = {file.name: file.size for file in files}
            json.dump({"settings": settings, "inputs": inputs}, file, ensure_ascii=False, indent=1)
    except (OSError, ImportError) as error:
        raise DataError(f"{given} cannot be used: {error}", fix="pass another --out") from error
    return there


def read_description(targets: Any, folder: str, given: str, there: set[str]) -> dict[str, Any]:
    """Return the description in a folder. Raises DataError for a missing or damaged one."""
    path = f"{folder}/{DESCRIPTION}"
    if path not in there:
        raise DataError(f"{given} holds other files", fix="pass an empty folder, or a new one, as --out")
    with targets.open(path, "rb") as file:
        try:
            return dict(json.load(file))
        except ValueError as error:
            raise DataError(f"{path} is damaged: {error}", fix="pass another --out") from error


def check_same_run(
    given: str, earlier: Mapping[str, Any], settings: Mapping[str, object], done: Sequence[File]
) -> None:
    """Raise DataError unless the outputs are those that this run would write."""
    # Through JSON and back, as `earlier`: a tuple would differ from a list.
    wanted = json.loads(json.dumps(settings))
    differing = [name for name, value in wanted.items() if earlier["settings"].get(name) != value]
    if differing:
        raise DataError(
            f"{given} was started with another {' and '.join(differing)}",
            fix="pass another --out, or repeat the first command to continue",
        )
    for file in done:
        if earlier["inputs"].get(file.name) != file.size:
            raise DataError(
                f"{file.source} has changed since it was predicted", fix=f"remove {file.target} to predict it again"
            )
