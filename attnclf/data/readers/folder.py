"""A folder of class folders of text files → records: the class folder is the label, a file is a text."""

from collections.abc import Iterator
from pathlib import Path

from attnclf.data.rows import BadRow, Entry, Record
from attnclf.data.source import Source
from attnclf.data.streams import open_bytes, without_mark
from attnclf.errors import DataError

SPLITS = {"train", "training", "valid", "validation", "val", "dev", "test", "unsup"}


def records(source: Source) -> Iterator[Entry]:
    """Read every file below the class folders, in the order of their names; hidden files are left out.

    A file next to the class folders has no label and is a bad row.
    """
    root = source.path
    classes = [entry.name for entry in visible(root) if entry.is_dir()]
    if not classes:
        raise DataError(
            "the folder has no class folders",
            fix="put the texts of each class into a folder of its own, or name a file in it",
        )
    if SPLITS.issuperset(name.lower() for name in classes):
        raise DataError(
            f"the folder holds splits ({', '.join(classes)}), not classes",
            fix=f"name one of them, such as {root / classes[0]}",
        )
    for entry in visible(root):
        if entry.is_dir():
            for path in files(entry):
                yield Record(path.relative_to(root).as_posix(), {"text": text(path), "label": entry.name})
        else:
            yield BadRow(entry.name, "it is in no class folder", {"text": text(entry)})


def text(path: Path) -> str:
    """All of a file, without the line ending it may close with."""
    with open_bytes(path) as stream:
        content = without_mark(stream.read()).decode("utf-8", "surrogateescape")
    return content.removesuffix("\n").removesuffix("\r")


def files(folder: Path) -> Iterator[Path]:
    """Files of a folder and of the folders in it."""
    for entry in visible(folder):
        if entry.is_dir():
            yield from files(entry)
        else:
            yield entry


def visible(folder: Path) -> list[Path]:
    """Entries of a folder that are not hidden, by name."""
    return sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))


def size(source: Source) -> int:
    """Bytes in all the files of a folder."""
    return sum(path.stat().st_size for path in files(source.path))
