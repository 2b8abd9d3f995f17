"""The tokens of a text as a person sees them."""

from collections.abc import Sequence
from typing import Any, overload

from attnclf.text.numbers import NumberReader
from attnclf.text.tokenizer import Tokenizer


class DisplayedTokens(Sequence[str]):
    """The parts of a text that are its first `count` tokens; the text is tokenized when they are first looked at.

    Compared, printed and pickled as the tuple of these strings.
    """

    __slots__ = ("_count", "_text", "_tokenizer", "_tokens")

    def __init__(self, tokenizer: Tokenizer | NumberReader, text: str, count: int) -> None:
        self._tokenizer, self._text, self._count = tokenizer, text, count
        self._tokens: tuple[str, ...] | None = None

    def _all(self) -> tuple[str, ...]:
        if self._tokens is None:
            pieces = self._tokenizer.pieces(self._text)[: self._count]
            self._tokens = tuple(self._text[piece.start : piece.end] for piece in pieces)
        return self._tokens

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[str, ...]: ...
    def __getitem__(self, index: int | slice) -> str | tuple[str, ...]:
        return self._all()[index]

    def __eq__(self, other: object) -> bool:
        return self._all() == (other._all() if isinstance(other, DisplayedTokens) else other)

    def __hash__(self) -> int:
        return hash(self._all())

    def __repr__(self) -> str:
        return repr(self._all())

    def __reduce__(self) -> tuple[Any, ...]:
        return tuple, (self._all(),)
