"""A row of numbers as a text: `age=34, income=52000`, which is read, shown and streamed like any other text.

`attnclf.data.cells.numbers_of` writes it from the columns of a file.
"""

import re
from collections.abc import Sequence

import numpy as np

from attnclf.errors import DataError
from attnclf.text.ragged import Ragged
from attnclf.text.tokenizer import Piece

LARGEST = 1e30  # what `cells` lets through: the network computes with 32 bits, which hold 3e38


class NumberReader:
    """Replaces the tokenizer where a model reads numeric columns: the tokens of a text are its numbers."""

    def __init__(self, columns: Sequence[str]) -> None:
        self.tokens = list(columns)  # the names of the numbers
        self.size = self.max_length = len(self.tokens)
        self.blank = np.zeros(self.size, np.float32)  # what stands for a blank text
        self._form = re.compile(", ".join(rf"({re.escape(name)}=(\S+?))" for name in self.tokens))

    def encode(self, texts: Sequence[str], cut: list[bool] | None = None) -> Ragged:
        """Return the numbers of each text (columns,), none of a blank one. Raises DataError for any other text.

        `cut`, where it is given, gets False for each text: none is longer than what is returned.
        """
        if cut is not None:
            cut += [False] * len(texts)
        return Ragged.of([np.array([number for number, _, _ in self._read(text)], dtype=np.float32) for text in texts])

    def pieces(self, text: str) -> list[Piece]:
        """Return the character range of each column, name and number together; the id is the index of the column."""
        return [Piece(index, start, end) for index, (_, start, end) in enumerate(self._read(text))]

    def _read(self, text: str) -> list[tuple[float, int, int]]:
        """Return each number with the start and end of what says it."""
        if not text or text.isspace():
            return []
        found = self._form.fullmatch(text)
        try:
            if found is None:
                raise ValueError
            numbers = [float(found[2 * n]) for n in range(1, self.size + 1)]
            if not all(abs(number) <= LARGEST for number in numbers):
                raise ValueError
            return [(number, *found.span(2 * n - 1)) for n, number in enumerate(numbers, 1)]
        except ValueError:
            form = ", ".join(f"{name}=NUMBER" for name in self.tokens)
            raise DataError(f"{text[:60]!r} is not a row of the model's columns", fix=f"write it as {form!r}") from None
