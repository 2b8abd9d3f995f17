"""What the network learns from, as arrays: token ids, targets and row weights."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from attnclf.data.corpus import Corpus
from attnclf.data.labels import LabelSet
from attnclf.data.tokens import Tokens
from attnclf.text.tokenizer import UNKNOWN_ID, Tokenizer

CHUNK = 8192  # texts encoded at a time


@dataclass(frozen=True, slots=True, kw_only=True)
class Examples:
    """Rows ready for the network.

    `targets` is int64 (rows,) for one label a row, -1 for a label that the model does not know; float32
    (rows, labels) of 0 and 1 for several. `weights` is float32 (rows,).
    """

    tokens: Tokens
    targets: NDArray[np.integer] | NDArray[np.floating]
    weights: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.tokens)

    @classmethod
    def of(cls, corpus: Corpus, tokenizer: Tokenizer, labels: LabelSet) -> "Examples":
        """Encode a corpus, chunk by chunk."""
        parts = [
            Tokens.pack(tokenizer.encode(chunk), vocabulary=tokenizer.size, empty=UNKNOWN_ID)
            for chunk in _chunks(corpus.texts)
        ]
        weights = np.ones(len(corpus), dtype=np.float32) if corpus.weights is None else corpus.weights
        return cls(tokens=Tokens.join(parts), targets=labels.encode(corpus.label_lists), weights=weights)


def _chunks(texts: Iterable[str]) -> Iterator[list[str]]:
    iterator = iter(texts)
    while chunk := list(islice(iterator, CHUNK)):
        yield chunk
