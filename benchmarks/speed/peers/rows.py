"""The same rows for every network that trains: ids and labels in one file, and the recipe that all share."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from attnclf.text.ragged import Ragged

DIM, HIDDEN = 128, 64  # of the embedding; of each direction of the LSTM
EMBEDDING_DROPOUT, DROPOUT = 0.3, 0.5  # as in preset plain


class Training(NamedTuple):
    """Tokens trained on, without padding, and the seconds that took."""

    tokens: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Row r is `ids[offsets[r]:offsets[r + 1]]`, int64, 0 for padding only; `labels` count from 0."""

    ids: NDArray[Any]
    offsets: NDArray[np.int64]
    labels: NDArray[np.int64]
    vocabulary: int
    classes: int
    batch_size: int
    learning_rate: float

    @classmethod
    def of(
        cls, tokens: Ragged, *, labels: Sequence[int], vocabulary: int, batch_size: int, learning_rate: float
    ) -> "Rows":
        """Take what attnclf's own tokenizer made of the texts."""
        return cls(
            ids=tokens.ids.astype(np.int64),
            offsets=tokens.offsets,
            labels=np.array(labels),
            vocabulary=vocabulary,
            classes=max(labels) + 1,
            batch_size=batch_size,
            learning_rate=learning_rate,
        )

    def save(self, file: Path) -> None:
        """Write to an .npz file."""
        np.savez(file, **asdict(self))

    @classmethod
    def load(cls, file: Path) -> "Rows":
        """Read what `save` wrote."""
        with np.load(file) as arrays:
            return cls(**{name: arrays[name] if arrays[name].ndim else arrays[name].item() for name in arrays.files})

    def texts(self) -> list[NDArray[Any]]:
        """Return the ids of each row."""
        return np.split(self.ids, self.offsets[1:-1])
