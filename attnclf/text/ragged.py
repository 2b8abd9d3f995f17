"""What the network reads of many rows in two flat arrays (compressed sparse rows): no padding at rest."""

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

PADDING_ID, UNKNOWN_ID = 0, 1
PART = 1_000_000  # tokens that are looked at together where there may be very many


class GrowingRagged:
    """Rows of whole numbers, end to end, to which others are added; what was read before stays as it is."""

    def __init__(self, rows: int = 0) -> None:
        self._ids = np.zeros(1024, np.int32)
        self._offsets = np.zeros(1024, np.int64)
        self._rows, self._length = rows, 0

    def __len__(self) -> int:
        return self._rows

    def add(self, ids: NDArray[np.int32], lengths: NDArray[np.int64]) -> None:
        """Add rows that lie end to end; `lengths` has one number for each."""
        rows, length = self._rows + len(lengths), self._length + len(ids)
        self._ids, self._offsets = _with_room(self._ids, length), _with_room(self._offsets, rows + 1)
        self._ids[self._length : length] = ids
        self._offsets[self._rows + 1 : rows + 1] = self._length + np.cumsum(lengths)
        self._rows, self._length = rows, length

    def all(self) -> "Ragged":
        """Return all rows there are now, without a copy."""
        return Ragged(self._ids[: self._length], self._offsets[: self._rows + 1])


def _with_room(array: NDArray[Any], size: int) -> NDArray[Any]:
    """Return the array, or where it is too small another with its contents and twice the room."""
    if size <= len(array):
        return array
    larger = np.zeros(2 * size, array.dtype)
    larger[: len(array)] = array
    return larger


@dataclass(frozen=True, slots=True)
class Ragged:
    """Row r is `ids[offsets[r]:offsets[r + 1]]`; packed ids take two bytes each while the vocabulary allows it.

    Where a model reads numeric columns, the numbers of a row replace the ids, float32.
    """

    ids: NDArray[Any]
    offsets: NDArray[np.int64]

    @classmethod
    def of(cls, rows: Sequence[NDArray[Any]]) -> "Ragged":
        """Lay rows end to end."""
        ids: NDArray[Any] = np.concatenate(rows) if len(rows) else np.zeros(0, np.int32)
        return cls(ids, np.cumsum([0, *map(len, rows)], dtype=np.int64))

    @classmethod
    def join(cls, parts: Sequence["Ragged"]) -> "Ragged":
        """Lay parts one after the other."""
        lengths = np.concatenate([part.lengths for part in parts])
        return cls(np.concatenate([part.ids for part in parts]), np.concatenate([[0], np.cumsum(lengths)]))

    @classmethod
    def on_disk(cls, parts: Iterable["Ragged"]) -> "Ragged":
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
        """The number of tokens of each row."""
        return np.diff(self.offsets)

    @property
    def stored(self) -> bool:
        """Whether the ids lie in a file and not in memory."""
        return isinstance(self.ids.base, np.memmap)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, row: int) -> NDArray[Any]:
        if not 0 <= row < len(self):
            raise IndexError(f"row {row} of {len(self)}")
        return self.ids[self.offsets[row] : self.offsets[row + 1]]

    def __iter__(self) -> Iterator[NDArray[Any]]:
        return map(self.__getitem__, range(len(self)))

    def filled(self, row: NDArray[Any]) -> "Ragged":
        """Return the rows with `row` for each that has nothing."""
        blank = self.lengths == 0
        if not blank.any():
            return self
        ids = np.insert(self.ids, np.repeat(self.offsets[:-1][blank], len(row)), np.tile(row, blank.sum()))
        return Ragged(ids, self.offsets + len(row) * np.concatenate([[0], np.cumsum(blank)]))

    def packed(self, vocabulary: int) -> "Ragged":
        """Return the rows with as few bytes for each id as the vocabulary allows; numbers stay as they are."""
        if self.ids.dtype.kind == "f":
            return self
        return Ragged(self.ids.astype(np.uint16 if vocabulary <= np.iinfo(np.uint16).max else np.int32), self.offsets)

    def shortened(self, longest: int) -> "Ragged":
        """Return the first `longest` ids of each row."""
        lengths = self.lengths
        if lengths.max(initial=0) <= longest:
            return self
        within = np.arange(len(self.ids)) - np.repeat(self.offsets[:-1], lengths)
        return Ragged(self.ids[within < longest], np.concatenate([[0], np.cumsum(np.minimum(lengths, longest))]))

    def subset(self, rows: NDArray[np.int64]) -> "Ragged":
        """Return the chosen rows."""
        starts = self.offsets[rows]
        lengths = self.offsets[rows + 1] - starts
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        indices = np.repeat(starts - offsets[:-1], lengths) + np.arange(offsets[-1])
        return Ragged(self.ids[indices], offsets)

    def padded(self, rows: NDArray[np.int64]) -> tuple[NDArray[Any], NDArray[np.int64]]:
        """Return ids (batch, time), 0 at padding, or numbers (batch, columns), of these rows, and their lengths."""
        starts = self.offsets[rows]
        lengths = self.offsets[rows + 1] - starts
        steps = np.arange(lengths.max())
        indices = starts[:, None] + steps
        # Beyond its end a row shows the next one, and the last row itself once more, until that is set to 0.
        values = np.where(steps < lengths[:, None], self.ids.take(indices, mode="clip"), 0)
        return values.astype(np.int64 if self.ids.dtype.kind in "iu" else np.float32), lengths


def leading_rows(parts: Iterable[Ragged], most: int) -> Iterator[Ragged]:
    """Yield the first rows of all the parts, about `most` tokens together, in parts of about `PART` tokens."""
    left = most
    for part in parts:
        row = 0
        while left > 0 and row < len(part):
            begin = part.offsets[row]
            end = max(int(np.searchsorted(part.offsets, begin + min(PART, left), side="right")) - 1, row + 1)
            yield Ragged(part.ids[begin : part.offsets[end]], part.offsets[row : end + 1] - begin)
            left, row = left - int(part.offsets[end] - begin), end
        if left <= 0:
            return
