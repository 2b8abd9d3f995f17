"""What the network reads of many rows in two flat arrays (compressed sparse rows): no padding at rest."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Tokens:
    """Row r is `ids[offsets[r]:offsets[r + 1]]`; ids take two bytes each while the vocabulary allows it.

    Where a model reads numeric columns, the numbers of a row stand in place of ids, float32.
    """

    ids: NDArray[Any]
    offsets: NDArray[np.int64]

    @classmethod
    def pack(cls, rows: Sequence[NDArray[Any]], *, vocabulary: int, empty: int) -> "Tokens":
        """Join rows of ids; a row without any becomes the single id `empty`, so that no row has length 0."""
        dtype: type[np.integer] = np.uint16 if vocabulary <= np.iinfo(np.uint16).max else np.int32
        alone = np.array([empty])
        filled = [row if len(row) else alone for row in rows]
        ids: NDArray[np.integer] = np.concatenate(filled).astype(dtype) if filled else np.zeros(0, dtype)
        return cls(ids, np.cumsum([0, *map(len, filled)], dtype=np.int64))

    @classmethod
    def pack_numbers(cls, rows: Sequence[NDArray[Any]], *, columns: int) -> "Tokens":
        """Join rows of numbers, one for each column; a row without any becomes zeros."""
        none = np.zeros(columns, dtype=np.float32)
        numbers = np.concatenate([row if len(row) else none for row in rows]) if len(rows) else none[:0]
        return cls(numbers, np.arange(len(rows) + 1) * columns)

    @classmethod
    def join(cls, parts: Sequence["Tokens"]) -> "Tokens":
        """Lay parts one after the other."""
        lengths = np.concatenate([part.lengths for part in parts])
        return cls(np.concatenate([part.ids for part in parts]), np.concatenate([[0], np.cumsum(lengths)]))

    @property
    def lengths(self) -> NDArray[np.int64]:
        """The number of units of each row."""
        return np.diff(self.offsets)

    def __len__(self) -> int:
        return len(self.offsets) - 1

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
