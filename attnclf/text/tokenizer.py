"""Units of text: what the network reads, with offsets into the original text.

One chain serves English, Russian and Chinese without a setting: clean control characters, lower-case, split at spaces
and punctuation, and let every Chinese character stand alone. Then one of three models: whole words, learned
sub-words, or characters. All of it is one `tokenizer.json` of the `tokenizers` library.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from tokenizers import Encoding, Regex, normalizers, pre_tokenizers
from tokenizers import Tokenizer as Library
from tokenizers.models import BPE, WordLevel
from tokenizers.trainers import BpeTrainer, WordLevelTrainer

from attnclf.errors import BundleError

LONE = re.compile("[\ud800-\udfff]")
PADDING, UNKNOWN = "[PAD]", "[UNK]"
IDEOGRAPHS = (("\u2e80", "\u9fff"), ("\uf900", "\ufaff"), ("\U00020000", "\U0010ffff"))  # and kana
SPECIALS = [PADDING, UNKNOWN]
PADDING_ID, UNKNOWN_ID = 0, 1
LONGEST_WORD = 64  # characters; a longer run without a space is cut, so that a 1 MB "word" stays linear


@dataclass(frozen=True, slots=True)
class Piece:
    """One unit of a text: its id and its character range in the original."""

    id: int
    start: int
    end: int


class Tokenizer:
    """Turns texts into ids, at most `max_length` of each text."""

    def __init__(self, library: Library, max_length: int) -> None:
        self._library = library
        library.encode_special_tokens = True  # a text that spells [PAD] holds brackets and letters
        self.max_length = max_length

    @property
    def size(self) -> int:
        """The number of known units, padding and unknown among them."""
        return int(self._library.get_vocab_size())

    @property
    def units(self) -> list[str]:
        """The units in the order of their ids."""
        vocabulary = self._library.get_vocab()
        return sorted(vocabulary, key=lambda unit: vocabulary[unit])

    def encode(self, texts: Sequence[str], cut: list[bool] | None = None) -> list[NDArray[np.int64]]:
        """Return the ids of each text; a text without any unit (blank, or only control characters) has none.

        Where `cut` is given, it is told of each text whether it is longer than what is returned.
        """
        return self._ids(self._library.encode_batch_fast(list(map(_readable, texts)), add_special_tokens=False), cut)

    def encode_spelled(
        self, texts: Sequence[str], unknown: dict[str, int], cut: list[bool] | None = None
    ) -> list[NDArray[np.int64]]:
        """Return the ids of each text, with `size` + n for the n-th different unknown word; new ones join `unknown`."""
        readable, known = list(map(_readable, texts)), self.size
        encodings: list[Encoding] = self._library.encode_batch(readable, add_special_tokens=False)
        encoded = self._ids(encodings, cut)
        for text, encoding, ids in zip(readable, encodings, encoded, strict=True):
            strange = (ids == UNKNOWN_ID).nonzero()[0]
            if len(strange):
                offsets = encoding.offsets
                words = (text[slice(*offsets[place])] for place in strange.tolist())
                ids[strange] = [known + unknown.setdefault(self._normal(word), len(unknown)) for word in words]
        return encoded

    def _ids(self, encodings: Sequence[Encoding], cut: list[bool] | None) -> list[NDArray[np.int64]]:
        if cut is not None:
            cut += [len(encoding) > self.max_length for encoding in encodings]
        return [np.array(encoding.ids[: self.max_length], dtype=np.int64) for encoding in encodings]

    def _normal(self, word: str) -> str:
        normalizer = self._library.normalizer
        return str(normalizer.normalize_str(word)) if normalizer is not None else word

    def pieces(self, text: str) -> list[Piece]:
        """Return the units of a text with their places in it; the whole text, also beyond `max_length`."""
        encoding = self._library.encode(_readable(text), add_special_tokens=False)
        pieces, reached = [], 0
        for unit, (start, end) in zip(encoding.ids, encoding.offsets, strict=True):
            # Two units of one character (İ in lower case is i and a dot): the first takes its place.
            start, reached = max(start, reached), max(end, reached)
            pieces.append(Piece(unit, start, reached))
        return pieces

    def save(self, path: Path) -> None:
        """Write `tokenizer.json`."""
        self._library.save(str(path))

    @classmethod
    def load(cls, path: Path, max_length: int) -> "Tokenizer":
        """Read `tokenizer.json`."""
        try:
            return cls(Library.from_file(str(path)), max_length)
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
        """Learn the units of the training texts: the most frequent ones, each seen `min_frequency` times or more."""
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
        library.train_from_iterator(map(_readable, texts), trainer)
        return cls(library, max_length)


def _readable(text: str) -> str:
    """Return the text with half a surrogate pair, which is no character, as the replacement character."""
    return LONE.sub("\ufffd", text)


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
