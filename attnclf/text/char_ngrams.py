"""Character n-grams of words as hash slots; they give a vector also to a word that training never saw.

These are the subword vectors of Bojanowski et al. 2017. This module hashes the n-grams of many words at a time; the
network does the rest.
"""

import threading
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from attnclf.forking import PerProcess
from attnclf.text.ragged import GrowingRagged, Ragged

SLOTS = 2**18  # hash values of n-grams; far more than frequent n-grams, so that few collide
SIZES = range(2, 6)  # characters of an n-gram
PREFIX = 24  # characters of a word that are read
BASIS, PRIME = np.uint32(2166136261), np.uint32(16777619)  # of the hash FNV-1a


def ngram_slots(words: Sequence[str]) -> NDArray[np.int64]:
    """Return the slots, 1 to SLOTS, of the n-grams of each <word>: (words, n-grams), 0 where a word has no more.

    The marks < and > make beginnings and endings n-grams of their own. A single character has none. At least (1, 1).
    """
    marked = [f"<{word[:PREFIX]}>" if len(word) > 1 else "" for word in words]
    lengths = np.fromiter(map(len, marked), np.int64, len(marked))
    longest = int(lengths.max(initial=0))
    if not longest:
        return np.zeros((max(1, len(words)), 1), np.int64)
    # Beyond the end lie zeros, so that an n-gram may be read from every place; those that overlap the end are dropped.
    codes = np.array(marked, dtype=f"U{longest + SIZES.stop}").view(np.uint32).reshape(len(words), -1)
    starts = np.arange(longest)
    table = np.zeros((len(words), longest, len(SIZES)), np.int64)
    running = np.full((len(words), longest), BASIS)
    for size in range(1, SIZES.stop):
        running = (running ^ codes[:, size - 1 : size - 1 + longest]) * PRIME
        if size in SIZES:
            inside = starts + size <= lengths[:, None]
            table[:, :, size - SIZES.start] = np.where(inside, _mixed(running) % SLOTS + 1, 0)
    return _trimmed(table.reshape(len(words), -1))


def in_batch(ids: NDArray[np.int64], vocabulary: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return ids whose unknown words are numbered as they come in the batch, and which unknown words these are.

    An id of `vocabulary` + n means the n-th unknown word of all; in the result, the n-th of those that are returned. A
    word that comes twice is returned twice: one more row for the network is cheaper than a search.
    """
    is_unknown = ids >= vocabulary
    words = ids[is_unknown] - vocabulary
    local = ids.copy()
    local[is_unknown] = vocabulary + np.arange(len(words))
    return local, words


class CharNgramHasher(PerProcess):
    """Hashes the n-grams of each word once, however often it is read; safe for any number of threads."""

    def renew(self) -> None:
        """Forget all words."""
        self._lock = threading.Lock()
        self._words: Sequence[str] = []
        self._slots = GrowingRagged()

    def read(self, words: Sequence[str]) -> Ragged:
        """Return the slots of each word. When the same list has grown since the last call, only new words cost time."""
        with self._lock:
            if words is not self._words:
                self._words, self._slots = words, GrowingRagged()
            if new := words[len(self._slots) :]:
                table = ngram_slots(new)
                self._slots.add(table[table > 0].astype(np.int32), np.count_nonzero(table, axis=1))
            return self._slots.all()


def padded_slots(slots: Ragged, words: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the slots of some words (words, n-grams) int64, 0 where a word has no more; at least (1, 1)."""
    if not len(words):
        return np.zeros((1, 1), np.int64)
    table, lengths = slots.padded(words)
    return table if lengths.any() else np.zeros((len(words), 1), np.int64)


def _trimmed(table: NDArray[np.int64]) -> NDArray[np.int64]:
    """Leave out the columns after the last slot of the longest word."""
    return table[:, : 1 + int(np.flatnonzero(table.any(axis=0)).max(initial=0))]


def _mixed(numbers: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Spread what differs in any bit over all bits: the finalizer of MurmurHash3."""
    numbers = (numbers ^ (numbers >> np.uint32(16))) * np.uint32(0x85EBCA6B)
    numbers = (numbers ^ (numbers >> np.uint32(13))) * np.uint32(0xC2B2AE35)
    return numbers ^ (numbers >> np.uint32(16))
