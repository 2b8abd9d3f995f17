"""Tokens of text: what the network reads, with offsets into the original text.

One chain serves English, Russian and Chinese without a setting: clean control characters, lower-case, split at spaces
and punctuation, and let every Chinese character stand alone. Then one of three models: whole words, learned
sub-words, or characters. All of it is one `tokenizer.json` of the `tokenizers` library.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from pathlib import Path
from typing import Literal

import numpy as np
from tokenizers import Regex, normalizers, pre_tokenizers
from tokenizers import Tokenizer as Library
from tokenizers.models import BPE, WordLevel
from tokenizers.trainers import BpeTrainer, WordLevelTrainer

from attnclf.errors import BundleError
from attnclf.text.chunks import ChunkReader, as_readable
from attnclf.text.ragged import UNKNOWN_ID, Ragged

PADDING, UNKNOWN = "[PAD]", "[UNK]"
IDEOGRAPHS = (("\u2e80", "\u9fff"), ("\uf900", "\ufaff"), ("\U00020000", "\U0010ffff"))  # and kana
SPECIALS = [PADDING, UNKNOWN]
LONGEST_WORD = 64  # characters; a longer run without a space is cut, so that a 1 MB "word" stays linear
# Of a text longer than this many characters for each token that is read, a beginning is tried first. At the cut, up to
# a whole word may become other tokens.
PER_TOKEN, CUT = 16, LONGEST_WORD + 1
PART = 2**20  # characters of a text that are learned from together
SPACES = re.compile(" {2,}")


@dataclass(frozen=True, slots=True)
class Piece:
    """One token of a text: its id and its character range in the original."""

    id: int
    start: int
    end: int


class Tokenizer:
    """Turns texts into ids, at most `max_length` of each text."""

    def __init__(self, library: Library, max_length: int) -> None:
        self._library = library
        library.encode_special_tokens = True  # a text that spells [PAD] holds brackets and letters
        self._chunks = ChunkReader(library)
        self.size = int(library.get_vocab_size())  # padding and unknown among them
        self.max_length = max_length
        self._much = PER_TOKEN * (max_length + CUT)
        self.blank = np.array([UNKNOWN_ID])  # what stands for a blank text

    @property
    def tokens(self) -> list[str]:
        """The tokens in the order of their ids."""
        vocabulary = self._library.get_vocab()
        return sorted(vocabulary, key=lambda token: vocabulary[token])

    def encode(self, texts: Sequence[str], cut: list[bool] | None = None) -> Ragged:
        """Return the ids of each text; a text without any token (blank, or only control characters) has none.

        `cut`, where it is given, gets for each text whether it is longer than what is returned.
        """
        tokens, _ = self.read(texts, cut)
        return Ragged(np.where(tokens.ids < self.size, tokens.ids, UNKNOWN_ID), tokens.offsets)

    def encode_with_unknown(
        self, texts: Sequence[str], unknown: dict[str, int], cut: list[bool] | None = None
    ) -> Ragged:
        """Return the ids of each text, with `size` + n for the n-th different unknown word; new ones join `unknown`."""
        tokens, words = self.read(texts, cut)
        is_unknown = tokens.ids >= self.size
        used, first, inverse = np.unique(tokens.ids[is_unknown], return_index=True, return_inverse=True)
        numbers = np.empty(len(used), tokens.ids.dtype)
        for index in np.argsort(first).tolist():  # numbered as they appear, whatever was read before
            numbers[index] = unknown.setdefault(words[used[index] - self.size], len(unknown))
        ids = tokens.ids.copy()
        ids[is_unknown] = self.size + numbers[inverse]
        return Ragged(ids, tokens.offsets)

    def read(self, texts: Sequence[str], cut: list[bool] | None = None) -> tuple[Ragged, Sequence[str]]:
        """Return the ids of each text, with `size` + n for an unknown word that is the n-th of those returned.

        These are all unknown words of this call and earlier ones; the list grows, until another list replaces it.
        """
        if max(map(len, texts), default=0) > self._much:
            texts = [SPACES.sub(" ", self.beginning(text)) if len(text) > self._much else text for text in texts]
        ids, lengths, unknown = self._chunks.read(texts)
        tokens = Ragged(ids, np.concatenate([[0], np.cumsum(lengths)]))
        if cut is not None:
            cut += (lengths > self.max_length).tolist()
        return tokens.shortened(self.max_length), unknown

    def beginning(self, text: str) -> str:
        """Return a text, or a beginning of a very long one: it has more than `max_length` tokens, those of the text."""
        size = self._much
        while size < len(text):
            part = text[:size]
            if self._chunks.read([SPACES.sub(" ", part)]).lengths[0] > self.max_length + CUT:
                return part
            size *= 4
        return text

    def pieces(self, text: str) -> list[Piece]:
        """Return the tokens of a text with their ranges; of a long one more than `max_length`, but not all."""
        encoding = self._library.encode(as_readable(self.beginning(text)), add_special_tokens=False)
        pieces, reached = [], 0
        for token, (start, end) in zip(encoding.ids, encoding.offsets, strict=True):
            # Two tokens of one character (İ in lower case is i and a dot): the first takes the whole range.
            start, reached = max(start, reached), max(end, reached)
            pieces.append(Piece(token, start, reached))
        return pieces

    def save(self, path: Path) -> None:
        """Write `tokenizer.json`."""
        # Not by the library itself: it takes only paths that are UTF-8.
        path.write_text(self._library.to_str(pretty=True), encoding="utf-8", newline="\n")

    @classmethod
    def load(cls, path: Path, max_length: int) -> "Tokenizer":
        """Read `tokenizer.json`."""
        try:
            return cls(Library.from_buffer(path.read_bytes()), max_length)
        except Exception as error:  # the library raises bare Exception for a file that it cannot parse
            raise BundleError(f"{path} is not a tokenizer", fix="copy the model again or train it again") from error

    @classmethod
    def learn(
        cls,
        texts: Iterable[str],
        *,
        unit: Literal["word", "subword", "character"],
        vocabulary: int,
        min_frequency: int,
        lowercase: bool,
        max_length: int,
    ) -> "Tokenizer":
        """Learn the tokens of the training texts: the most frequent ones, each seen `min_frequency` times or more."""
        if unit == "subword":
            library = Library(BPE(unk_token=UNKNOWN))
            trainer: BpeTrainer | WordLevelTrainer = BpeTrainer(
                vocab_size=vocabulary, min_frequency=min_frequency, special_tokens=SPECIALS, show_progress=False
            )
        else:
            library = Library(WordLevel(unk_token=UNKNOWN))
            trainer = WordLevelTrainer(
                vocab_size=vocabulary, min_frequency=min_frequency, special_tokens=SPECIALS, show_progress=False
            )
        library.normalizer = normalizers.BertNormalizer(
            clean_text=True, handle_chinese_chars=True, strip_accents=False, lowercase=lowercase
        )
        longest = 1 if unit == "character" else LONGEST_WORD
        cut = pre_tokenizers.Split(Regex(rf"[\s\S]{{1,{longest}}}"), behavior="isolated")
        library.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.BertPreTokenizer(), cut])
        library.train_from_iterator(map(as_readable, chain.from_iterable(map(parts, texts))), trainer)
        return cls(library, max_length)


def parts(text: str) -> Iterator[str]:
    """Yield a text in parts of about `PART` characters that have the same tokens, cut at spaces."""
    first = 0
    while len(text) - first > PART and (space := text.find(" ", first + PART)) > 0:
        yield text[first:space]
        first = space
    yield text[first:]


def words(text: str, pieces: Sequence[Piece]) -> list[tuple[int, int]]:
    """Return (first, last + 1) indices of the pieces of each displayed word.

    Pieces that touch belong to one word, except at punctuation and between characters that are words of their own.
    """
    starts = [i for i in range(len(pieces)) if i == 0 or not _joined(text, pieces[i - 1], pieces[i])]
    return list(pairwise([*starts, len(pieces)]))


def _joined(text: str, left: Piece, right: Piece) -> bool:
    touching = left.end == right.start
    return (
        touching and not _stands_alone(text, left.end - 1) and not _stands_alone(text, min(right.start, right.end - 1))
    )


def _stands_alone(text: str, index: int) -> bool:
    character = text[index]
    if character in "'’" and text[index - 1 : index].isalpha() and text[index + 1 : index + 2].isalpha():
        return False  # can't, l'eau
    name = unicodedata.category(character)
    ascii_symbol = character.isascii() and not character.isalnum()
    return name.startswith("P") or ascii_symbol or any(low <= character <= high for low, high in IDEOGRAPHS)
