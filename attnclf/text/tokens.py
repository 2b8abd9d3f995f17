"""What the network reads of many rows in two flat arrays (compressed sparse rows): no padding at rest."""

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

PADDING_ID, UNKNOWN_ID = 0, 1


@dataclass(frozen=True, slots=True)
class Tokens:
    """Row r is `ids[offsets[r]:offsets[r + 1]]`; packed ids take two bytes each while the vocabulary allows it.

    Where a model reads numeric columns, the numbers of a row stand in place of ids, float32.
    """

    ids: NDArray[Any]
    offsets: NDArray[np.int64]

    @classmethod
    def of(cls, rows: Sequence[NDArray[Any]]) -> "Tokens":
        """Lay rows end to end."""
        ids: NDArray[Any] = np.concatenate(rows) if len(rows) else np.zeros(0, np.int32)
        return cls(ids, np.cumsum([0, *map(len, rows)], dtype=np.int64))

    @classmethod
    def join(cls, parts: Sequence["Tokens"]) -> "Tokens":
        """Lay parts one after the other."""
        lengths = np.concatenate([part.lengths for part in parts])
        return cls(np.concatenate([part.ids for part in parts]), np.concatenate([[0], np.cumsum(lengths)]))

    @classmethod
    def on_disk(cls, parts: Iterable["Tokens"]) -> "Tokens":
        """Lay parts one after the other in a temporary file that is mapped into memory; it goes when they do."""
        lengths, numeric = [np.zeros(1, np.int64)], False
        with tempfile.TemporaryFile(prefix="attnclf-") as file:
            for part in parts:
                numeric = part.ids.dtype.kind == "f"
                file.write(np.ascontiguousarray(part.ids, np.float32 if numeric else np.int32).data)
                lengths.append(part.lengths)
            file.flush()
            kind = np.float32 if numeric else np.int32
            ids: NDArray[Any] = np.asarray(np.memmap(file, kind, "r")) if file.tell() else np.zeros(0, kind)
        return cls(ids, np.cumsum(np.concatenate(lengths)))

    @property
    def lengths(self) -> NDArray[np.int64]:
        """The number of units of each row."""
        return np.diff(self.offsets)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, row: int) -> NDArray[Any]:
        if not 0 <= row < len(self):
            raise IndexError(f"row {row} of {len(self)}")
        return self.ids[self.offsets[row] : self.offsets[row + 1]]

    def __iter__(self) -> Iterator[NDArray[Any]]:
        return map(self.__getitem__, range(len(self)))

    def filled(self, row: NDArray[Any]) -> "Tokens":
        """Return the rows with `row` in place of each that has nothing."""
        blank = self.lengths == 0
        if not blank.any():
            return self
        ids = np.insert(self.ids, np.repeat(self.offsets[:-1][blank], len(row)), np.tile(row, blank.sum()))
        return Tokens(ids, self.offsets + len(row) * np.concatenate([[0], np.cumsum(blank)]))

    def packed(self, vocabulary: int) -> "Tokens":
        """Return the rows with as few bytes for each id as the vocabulary allows; numbers stay as they are."""
        if self.ids.dtype.kind == "f":
            return self
        return Tokens(self.ids.astype(np.uint16 if vocabulary <= np.iinfo(np.uint16).max else np.int32), self.offsets)

    def shortened(self, longest: int) -> "Tokens":
        """Return the first `longest` ids of each row."""
        lengths = self.lengths
        if lengths.max(initial=0) <= longest:
            return self
        within = np.arange(len(self.ids)) - np.repeat(self.offsets[:-1], lengths)
        return Tokens(self.ids[within < longest], np.concatenate([[0], np.cumsum(np.minimum(lengths, longest))]))

    def subset(self, rows: NDArray[np.int64]) -> "Tokens":
        """Return the chosen rows."""
        lengths = self.lengths[rows]
        places = np.repeat(self.offsets[rows] - np.cumsum(lengths) + lengths, lengths) + np.arange(lengths.sum())
        return Tokens(self.ids[places], np.concatenate([[0], np.cumsum(lengths)]))

    def padded(self, rows: NDArray[np.int64]) -> tuple[NDArray[Any], NDArray[np.int64]]:
        """Return ids (batch, time), 0 at padding, or numbers (batch, columns), of these rows, and their lengths."""
        starts, lengths = self.offsets[rows], self.lengths[rows]
        steps = np.arange(lengths.max())
        real = steps < lengths[:, None]
        ids = np.zeros(real.shape, dtype=np.int64 if self.ids.dtype.kind in "iu" else np.float32)
        ids[real] = self.ids[(starts[:, None] + steps)[real]]
        return ids, lengths
