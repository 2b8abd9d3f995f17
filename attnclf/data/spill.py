"""Texts too many for memory → an Arrow table in a temporary file, read back through a memory map."""

import shutil
import tempfile
import weakref
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, overload

import numpy as np

FLUSH_ROWS = 1000
FLUSH_CHARACTERS = 1 << 24


class Column(Sequence[str]):
    """A string column of a memory-mapped table, or some of its rows, as a sequence."""

    def __init__(self, table: Any, name: str, rows: np.ndarray | None = None) -> None:
        self.table = table
        self.name = name
        self.cells = table.data.column(name)
        self.rows = rows

    def __len__(self) -> int:
        return len(self.cells) if self.rows is None else len(self.rows)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> "Column": ...
    def __getitem__(self, index: int | slice) -> "str | Column":
        if isinstance(index, slice):
            return self.pick(np.arange(len(self))[index])
        row = range(len(self))[index]
        return str(self.cells[row if self.rows is None else int(self.rows[row])])

    def __iter__(self) -> Iterator[str]:
        if self.rows is not None:
            yield from map(self.__getitem__, range(len(self)))
            return
        for chunk in self.cells.chunks:
            yield from chunk.to_pylist()

    def pick(self, indices: np.ndarray) -> "Column":
        """The rows at these indices, still on disk."""
        return Column(self.table, self.name, indices if self.rows is None else self.rows[indices])


def spill(rows: Iterable[tuple[str, str]]) -> tuple[Column, Column]:
    """Write (text, location) pairs to a temporary table and return its two columns; the file goes when they do."""
    import datasets
    from datasets.arrow_writer import ArrowWriter

    folder = Path(tempfile.mkdtemp(prefix="attnclf-"))
    try:
        strings = datasets.Features({"text": datasets.Value("string"), "location": datasets.Value("string")})
        with ArrowWriter(path=str(folder / "rows.arrow"), features=strings) as writer:
            for batch in batches(rows):
                writer.write_batch(
                    {"text": [text for text, _ in batch], "location": [location for _, location in batch]}
                )
            writer.finalize()
        table = datasets.Dataset.from_file(str(folder / "rows.arrow"))
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    weakref.finalize(table, shutil.rmtree, folder, ignore_errors=True)
    return Column(table, "text"), Column(table, "location")


def batches(rows: Iterable[tuple[str, str]]) -> Iterator[list[tuple[str, str]]]:
    """Parts of some megabytes at most, however long the texts are."""
    batch: list[tuple[str, str]] = []
    characters = 0
    for row in rows:
        batch.append(row)
        characters += len(row[0])
        if len(batch) == FLUSH_ROWS or characters >= FLUSH_CHARACTERS:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch
