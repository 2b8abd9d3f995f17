"""Pretrained vectors of words, and the table of the sources that they come from."""

import gzip
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from attnclf.errors import DataError

TEXT_FORM = "pass a .vec or GloVe file in text form"


class Entry(NamedTuple):
    """One word of a source: `decode` makes its vector (width,), which is asked for only if a token needs it."""

    location: str
    word: str
    width: int
    decode: Callable[[], NDArray[np.float32]]


@dataclass(frozen=True, slots=True, kw_only=True)
class VectorSource:
    """A kind of file or folder with vectors: which paths are of this kind, their words, and the remedy for others."""

    accepts: Callable[[Path], bool]
    entries: Callable[[Path], Iterator[Entry]]
    fix: str


def read_vectors(path: Path, tokens: Sequence[str]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return a vector for each token, (tokens, dim) float32, and which tokens the source had, (tokens,).

    A token that the source lacks gets zeros; a token that it has only with capitals gets the first such vector. The
    source is read once, word by word. Raises DataError naming the line for one whose width differs from the first, and
    where no token has a vector.
    """
    source = next(source for source in SOURCES.values() if source.accepts(path))
    rows = {token: row for row, token in enumerate(tokens)}
    matrix: NDArray[np.float32] | None = None
    exact = np.zeros(len(tokens), dtype=bool)
    found = np.zeros(len(tokens), dtype=bool)
    for location, word, width, decode in source.entries(path):
        row = rows.get(word)
        is_exact = row is not None
        if row is None:
            row = rows.get(word.lower())
        if matrix is None:
            matrix = np.zeros((len(tokens), width), dtype=np.float32)
        if row is None or exact[row] or (found[row] and not is_exact):
            continue
        try:
            vector = decode()
            if not np.isfinite(vector).all():
                raise ValueError
        except ValueError as error:
            raise DataError(f"{path}, {location}: a value is not a number", fix=source.fix) from error
        if len(vector) != matrix.shape[1]:
            problem = f"{len(vector)} values where the first line has {matrix.shape[1]}"
            raise DataError(f"{path}, {location}: {problem}", fix=source.fix)
        matrix[row], found[row], exact[row] = vector, True, is_exact
    if matrix is None:
        raise DataError(f"{path} holds no vectors", fix=source.fix)
    if not found.any():
        raise DataError(
            f"{path} has no vector for any of the {len(tokens):,} tokens of the texts",
            fix=f"{source.fix}, of their language",
        )
    return matrix, found


def text_entries(path: Path) -> Iterator[Entry]:
    """Yield the words of fastText's `.vec` (with a header) or of GloVe (without), plain or .gz, a word a line."""
    try:
        with _open(path) as file:
            for number, line in enumerate(file, start=1):
                word, space, numbers = line.rstrip(" \r\n").partition(" ")
                is_header = number == 1 and word.isdigit() and numbers.isdigit()
                if not is_header and word and space:
                    yield Entry(f"line {number}", word, numbers.count(" ") + 1, partial(_numbers, numbers))
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"cannot read {path}: {error}", fix=TEXT_FORM) from error


def _numbers(written: str) -> NDArray[np.float32]:
    return np.array(written.split(" "), dtype=np.float32)


def _open(path: Path) -> IO[str]:
    # Public vector files contain the odd broken character; such a word matches no token and is passed over.
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8", errors="replace", newline="\n")
    return path.open(encoding="utf-8", errors="replace", newline="\n")


SOURCES: dict[str, VectorSource] = {  # the first one that accepts a path reads it
    "text": VectorSource(accepts=lambda path: True, entries=text_entries, fix=TEXT_FORM),
}
