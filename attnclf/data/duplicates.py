"""Which texts are the same text: to the network, which sees no spaces, capitals or characters without a shape."""

import unicodedata
from collections.abc import Iterable, Sequence

import numpy as np


def normal(text: str) -> str:
    """Return a text without what the tokenizer drops or folds; two texts of the same tokens have the same form.

    Left out are spaces and line breaks of every kind, and control and format characters, such as zero-width ones.
    Letters are composed (NFC) and folded, also where `text.lowercase` keeps capitals apart.
    """
    text = "".join(text.split()).replace("\ufffd", "")
    if not text.isprintable():
        text = "".join(filter(str.isprintable, text))
    return (text if text.isascii() else unicodedata.normalize("NFC", text)).casefold()


def keys(texts: Sequence[str]) -> np.ndarray:
    """64-bit keys (rows,), equal for equal texts, good in this process only; the texts themselves are not kept."""
    return np.fromiter(map(hash, map(normal, texts)), dtype=np.int64, count=len(texts))


def unseen(texts: Iterable[str], *others: Iterable[str]) -> list[str]:
    """Return the texts that are in none of the others."""
    known = {normal(text) for part in others for text in part}
    return [text for text in texts if normal(text) not in known]


def groups(texts: Sequence[str]) -> np.ndarray:
    """Number of each row's text (rows,), counted in order of first appearance, the same in every process."""
    _, first, inverse = np.unique(keys(texts), return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    numbers: np.ndarray = rank[inverse]
    return numbers
