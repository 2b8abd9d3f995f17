"""What words are made of: their character n-grams, which give a vector also to a word never seen before.

The subword vectors of Bojanowski et al. 2017, with the hashing of n-grams done here and all the rest in the network.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

SLOTS = 2**18  # hash values of n-grams; far more than frequent n-grams, so that few collide
SHORTEST, LONGEST = 2, 5  # characters of an n-gram
PREFIX = 24  # characters of a word that are looked at


@lru_cache(maxsize=2**16)
def slots(word: str) -> tuple[int, ...]:
    """Return the hashes, 1 to SLOTS, of the different n-grams of <word>; a single character has none.

    The marks < and > make beginnings and endings n-grams of their own.
    """
    if len(word) < 2:
        return ()
    marked = f"<{word[:PREFIX]}>"
    grams = {
        marked[start : start + size] for size in range(SHORTEST, LONGEST + 1) for start in range(len(marked) - size + 1)
    }
    return tuple(sorted({crc32(gram.encode()) % SLOTS + 1 for gram in grams}))


def spellings(words: Iterable[str]) -> NDArray[np.int64]:
    """Return the slots of each word, (words, n-grams), 0 after the last; at least (1, 1)."""
    rows = [slots(word) for word in words] or [()]
    table = np.zeros((len(rows), max(1, *map(len, rows))), np.int64)
    for row, found in zip(table, rows, strict=True):
        row[: len(found)] = found
    return table


def in_batch(
    ids: NDArray[np.int64], vocabulary: int, unknown: Sequence[str]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return ids whose unknown words are numbered within the batch, and the spellings of just those words.

    An id of `vocabulary` + n means the n-th of `unknown`; so it does in the result, with words that do not occur left
    out.
    """
    strange = ids >= vocabulary
    used, numbers = np.unique(ids[strange], return_inverse=True)
    local = ids.copy()
    local[strange] = vocabulary + numbers
    return local, spellings(unknown[number] for number in (used - vocabulary).tolist())
