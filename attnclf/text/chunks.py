"""Texts as ids, with a cache of chunks: what an earlier text had is not tokenized again.

The tokenizer looks at nothing across a space or a punctuation mark, so a text can be cut there, and each chunk is read
alone. Most runs without a space were read before. For these, one dictionary and a few array operations over many texts
do the work.
"""

import re
import threading
from collections.abc import Collection, Iterable, Sequence
from itertools import chain, islice
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer as Library
from tokenizers.models import WordLevel

from attnclf.forking import PerProcess
from attnclf.text.ragged import UNKNOWN_ID, GrowingRagged

# Within a run without a space, a chunk is an ASCII mark, a Chinese character, or what stands between those. Where the
# chain would cut once more, it still does.
ALONE = "!-/:-@\\[-`{-~\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
CHUNK = re.compile(f"[^{ALONE}]+|.", re.DOTALL)
# A chunk that no step of a chain of whole words changes, but for capitals: these have one small letter each.
PLAIN = re.compile("[0-9A-Za-zА-Яа-яЁё]{1,64}").fullmatch
CHARACTERS = 2**20  # remembered from one call to the next, in runs and in chunks: about 10 MB each
LONE = re.compile("[\ud800-\udfff]")
BETWEEN = "\ud800\udbff"  # stands between texts; no text has it that was decoded from bytes


class Read(NamedTuple):
    """Texts end to end: `ids` of all their tokens, and how many each text has (texts,).

    An unknown word has the size of the vocabulary + its index in `unknown`.
    """

    ids: NDArray[np.int32]
    lengths: NDArray[np.int64]
    unknown: Sequence[str]


class _Runs(dict[str, int]):
    """Runs without a space, numbered as they appear; what is between two texts is number 0."""

    def __init__(self) -> None:
        super().__init__({BETWEEN: 0})
        self.ids = GrowingRagged(rows=1)
        self.cost = 0

    def __missing__(self, run: str) -> int:
        number = len(self)
        self[run] = number
        return number

    @property
    def new(self) -> list[str]:
        """The runs whose ids are not here yet."""
        return list(islice(self, len(self.ids), None))

    def add(self, runs: Collection[str], rows: Sequence[bytes]) -> None:
        """Remember the ids of the `new` runs."""
        lengths = np.fromiter(map(len, rows), np.int64, len(rows)) // np.dtype(np.int32).itemsize
        self.ids.add(np.frombuffer(b"".join(rows), np.int32), lengths)
        self.cost += _cost(runs)


class ChunkReader(PerProcess):
    """Reads texts with a tokenizer of the `tokenizers` library; any number of threads may call it."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._vocabulary = int(library.get_vocab_size())
        self._plain = isinstance(library.model, WordLevel) and len(library.encode("word").ids) == 1
        self._lower = bool(getattr(library.normalizer, "lowercase", False))
        super().__init__()

    def renew(self) -> None:
        """Forget all that was read."""
        self._lock = threading.Lock()
        # Two tables, so that a word that is new only because of its comma is put together from chunks.
        self._runs, self._chunks = _Runs(), dict[str, bytes]()
        self._cost = 0  # of the chunks
        self._numbers: dict[str, int] = {}  # of unknown words
        self._unknown: list[str] = []

    def read(self, texts: Sequence[str]) -> Read:
        """Return the ids of all tokens of the texts."""
        if not texts:
            return Read(np.zeros(0, np.int32), np.zeros(0, np.int64), self._unknown)
        joined = f" {BETWEEN} ".join(texts)
        if joined.count(BETWEEN) >= len(texts):
            joined = f" {BETWEEN} ".join(map(as_readable, texts))
        split = joined.split(" ")
        with self._lock:
            self._forget()
            runs = np.fromiter(map(self._runs.__getitem__, split), np.int64, len(split))
            if new := self._runs.new:
                self._learn(new)
            tokens, unknown = self._runs.ids.all(), self._unknown
        read = tokens.subset(runs)
        ends = read.offsets[1:]
        return Read(read.ids, np.diff(ends[runs == 0], prepend=0, append=ends[-1]), unknown)

    def _forget(self) -> None:
        if self._cost > CHARACTERS:
            self._runs, self._chunks, self._cost = _Runs(), {}, 0
            self._numbers, self._unknown = {}, []
        elif self._runs.cost > CHARACTERS:
            self._runs = _Runs()

    def _learn(self, runs: Collection[str]) -> None:
        parts = list(map(CHUNK.findall, runs))
        if new := set(chain.from_iterable(parts)).difference(self._chunks):
            plain = set(filter(PLAIN, new)) if self._plain else set[str]()
            self._look_up(plain)
            self._tokenize(list(new - plain))
            self._cost += _cost(new)
        self._runs.add(runs, [b"".join(map(self._chunks.__getitem__, row)) for row in parts])

    def _look_up(self, chunks: Iterable[str]) -> None:
        """Remember chunks that are words as they stand, but for capitals."""
        for chunk in chunks:
            word = chunk.lower() if self._lower else chunk
            token = self._library.token_to_id(word)
            self._chunks[chunk] = np.int32(self._number(word) if token is None else token).tobytes()

    def _tokenize(self, chunks: list[str]) -> None:
        texts = list(map(as_readable, chunks))
        encodings = self._library.encode_batch_fast(texts, add_special_tokens=False)
        for chunk, text, encoding in zip(chunks, texts, encodings, strict=True):
            ids = encoding.ids
            if ids == [UNKNOWN_ID]:
                ids = [self._numbered(text)]
            elif UNKNOWN_ID in ids:
                offsets = self._library.encode(text, add_special_tokens=False).offsets
                ids = [
                    self._numbered(text[slice(*offsets[index])]) if token == UNKNOWN_ID else token
                    for index, token in enumerate(ids)
                ]
            self._chunks[chunk] = np.array(ids, np.int32).tobytes()

    def _numbered(self, word: str) -> int:
        normalizer = self._library.normalizer
        return self._number((word if normalizer is None else str(normalizer.normalize_str(word))).strip())

    def _number(self, word: str) -> int:
        """Return what stands for an unknown word."""
        number = self._numbers.setdefault(word, len(self._unknown))
        if number == len(self._unknown):
            self._unknown.append(word)
        return self._vocabulary + number


def _cost(pieces: Collection[str]) -> int:
    """Return their characters, and one for each 8 bytes of what a piece costs besides."""
    return sum(map(len, pieces)) + 8 * len(pieces)


def as_readable(text: str) -> str:
    """Return the text with half a surrogate pair, which is no character, as the replacement character."""
    return LONE.sub("\ufffd", text)
