"""Where a dataset's splits stand: a folder with train, test and perhaps valid as .jsonl or .jsonl.gz."""

from pathlib import Path


def split_of(folder: Path, name: str) -> Path | None:
    """Return the file of a split, if there is one."""
    return next((path for path in (folder / f"{name}.jsonl", folder / f"{name}.jsonl.gz") if path.is_file()), None)
