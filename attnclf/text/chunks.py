"""Texts as ids by way of a memory: what stood in an earlier text is not tokenized again.

The tokenizer's chain looks at nothing across a space or a punctuation mark, so a text may be cut there and each chunk
be read alone. Most chunks of a text have been met before; for these a regular expression and a dictionary do the work.
"""

import re
import threading
from collections.abc import Collection, Iterable, Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer as Library

from attnclf.text.tokens import UNKNOWN_ID

# Within a run without a space, a chunk is an ASCII mark, a Chinese character, or what stands between those. Where the
# chain would cut once more, it still does.
ALONE = "!-/:-@\\[-`{-~\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
CHUNK = re.compile(f"[{ALONE}]|[^{ALONE}]+")
CHARACTERS = 2**21  # remembered from one call to the next, in runs and in chunks: about 20 MB each
LONE = re.compile("[\ud800-\udfff]")


class Read(NamedTuple):
    """Texts end to end: `ids` of all their units, and how many each text has (texts,).

    An unknown word has the size of the vocabulary + its place in `unknown`.
    """

    ids: NDArray[np.int32]
    lengths: NDArray[np.int64]
    unknown: Sequence[str]


class _Memory:
    """Pieces of text with their ids as bytes, ready to be joined."""

    def __init__(self) -> None:
        self.ids: dict[str, bytes] = {}
        self.characters = 0

    def missing(self, rows: Iterable[Iterable[str]]) -> set[str]:
        """Return the pieces that are not here."""
        return set(chain.from_iterable(rows)).difference(self.ids)

    def add(self, piece: str, ids: bytes) -> None:
        """Remember a piece."""
        self.ids[piece] = ids
        self.characters += len(piece) + 8  # one for each 8 bytes of what a piece costs besides


class ChunkReader:
    """Reads texts with a tokenizer of the `tokenizers` library; any number of threads may call it."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._vocabulary = int(library.get_vocab_size())
        self._lock = threading.Lock()
        # Two tables, so that a word that is new only because of its comma is put together from chunks.
        self._runs, self._chunks = _Memory(), _Memory()
        self._numbers: dict[str, int] = {}  # of unknown words
        self._unknown: list[str] = []

    def read(self, texts: Sequence[str]) -> Read:
        """Return the ids of all units of the texts."""
        split = [text.split(" ") for text in texts]
        with self._lock:
            self._forget()
            if new := self._runs.missing(split):
                self._learn(new)
            rows = [b"".join(map(self._runs.ids.__getitem__, runs)) for runs in split]
            unknown = self._unknown
        lengths = np.fromiter(map(len, rows), np.int64, len(rows)) // np.dtype(np.int32).itemsize
        return Read(np.frombuffer(b"".join(rows), np.int32), lengths, unknown)

    def _forget(self) -> None:
        if self._chunks.characters > CHARACTERS:
            self._runs, self._chunks = _Memory(), _Memory()
            self._numbers, self._unknown = {}, []
        elif self._runs.characters > CHARACTERS:
            self._runs = _Memory()

    def _learn(self, runs: Collection[str]) -> None:
        parts = list(map(CHUNK.findall, runs))
        if new := self._chunks.missing(parts):
            self._tokenize(list(new))
        for run, row in zip(runs, parts, strict=True):
            self._runs.add(run, b"".join(map(self._chunks.ids.__getitem__, row)))

    def _tokenize(self, chunks: list[str]) -> None:
        texts = list(map(as_readable, chunks))
        encodings = self._library.encode_batch_fast(texts, add_special_tokens=False)
        for chunk, text, encoding in zip(chunks, texts, encodings, strict=True):
            ids = encoding.ids
            if ids == [UNKNOWN_ID]:
                ids = [self._number(text)]
            elif UNKNOWN_ID in ids:
                offsets = self._library.encode(text, add_special_tokens=False).offsets
                ids = [
                    self._number(text[slice(*offsets[place])]) if unit == UNKNOWN_ID else unit
                    for place, unit in enumerate(ids)
                ]
            self._chunks.add(chunk, np.array(ids, np.int32).tobytes())

    def _number(self, word: str) -> int:
        normalizer = self._library.normalizer
        word = (word if normalizer is None else str(normalizer.normalize_str(word))).strip()
        number = self._numbers.setdefault(word, len(self._unknown))
        if number == len(self._unknown):
            self._unknown.append(word)
        return self._vocabulary + number


def as_readable(text: str) -> str:
    """Return the text with half a surrogate pair, which is no character, as the replacement character."""
    return LONE.sub("\ufffd", text)
