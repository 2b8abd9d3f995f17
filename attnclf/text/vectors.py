"""Pretrained word vectors in text form: fastText's `.vec` (with a header) and GloVe (without), plain or .gz."""

import gzip
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from attnclf.errors import DataError


def read_vectors(path: Path, tokens: Sequence[str]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return a vector for each token, (tokens, dim) float32, and which tokens the file had, (tokens,).

    A token that the file lacks gets zeros; a token that it has only with capitals gets the first such vector. The file
    is read once, line by line. Raises DataError naming the line for one whose width differs from the first, and where
    no token has a vector.
    """
    rows = {token: row for row, token in enumerate(tokens)}
    matrix: NDArray[np.float32] | None = None
    exact = np.zeros(len(tokens), dtype=bool)
    found = np.zeros(len(tokens), dtype=bool)
    for number, word, numbers in _lines(path):
        row = rows.get(word)
        is_exact = row is not None
        if row is None:
            row = rows.get(word.lower())
        if matrix is None:
            matrix = np.zeros((len(tokens), numbers.count(" ") + 1), dtype=np.float32)
        if row is None or exact[row] or (found[row] and not is_exact):
            continue
        try:
            vector = np.array(numbers.split(" "), dtype=np.float32)
        except ValueError as error:
            raise _not_vectors(path, number, "a value is not a number") from error
        if not np.isfinite(vector).all():
            raise _not_vectors(path, number, "a value is not a number")
        if len(vector) != matrix.shape[1]:
            raise _not_vectors(path, number, f"{len(vector)} values where the first line has {matrix.shape[1]}")
        matrix[row], found[row], exact[row] = vector, True, is_exact
    if matrix is None:
        raise DataError(f"{path} holds no vectors", fix="pass a .vec or GloVe file in text form")
    if not found.any():
        raise DataError(
            f"{path} has no vector for any of the {len(tokens):,} tokens of the texts",
            fix="pass a .vec or GloVe file of their language in text form",
        )
    return matrix, found


def _not_vectors(path: Path, number: int, reason: str) -> DataError:
    return DataError(f"{path}, line {number}: {reason}", fix="pass a .vec or GloVe file in text form")


def _lines(path: Path) -> Iterator[tuple[int, str, str]]:
    """Yield (line number, word, its numbers as one text)."""
    try:
        with _open(path) as file:
            for number, line in enumerate(file, start=1):
                word, space, numbers = line.rstrip(" \r\n").partition(" ")
                is_header = number == 1 and word.isdigit() and numbers.isdigit()
                if not is_header and word and space:
                    yield number, word, numbers
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"cannot read {path}: {error}", fix="pass a .vec or GloVe file in text form") from error


def _open(path: Path) -> IO[str]:
    # Public vector files contain the odd broken character; such a word matches no token and is passed over.
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8", errors="replace", newline="\n")
    return path.open(encoding="utf-8", errors="replace", newline="\n")
