"""Units of text: what the network reads, with offsets into the original text.

One chain serves English, Russian and Chinese without a setting: clean control characters, lower-case, split at spaces
and punctuation, and let every Chinese character stand alone. Then one of three models: words (rare ones in pieces),
learned sub-words, or characters. All of it is one `tokenizer.json` of the `tokenizers` library.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from tokenizers import Encoding, Regex, normalizers, pre_tokenizers
from tokenizers import Tokenizer as Library
from tokenizers.models import BPE, WordLevel, WordPiece
from tokenizers.trainers import BpeTrainer, WordLevelTrainer, WordPieceTrainer

from attnclf.errors import BundleError

LONE = re.compile("[\ud800-\udfff]")
PADDING, UNKNOWN = "[PAD]", "[UNK]"
IDEOGRAPHS = (("\u2e80", "\u9fff"), ("\uf900", "\ufaff"), ("\U00020000", "\U0010ffff"))  # and kana
SPECIALS = [PADDING, UNKNOWN]
PADDING_ID, UNKNOWN_ID = 0, 1
MOST_WORDS = 500_000  # different words that pieces are learned from
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

    def encode(self, texts: Sequence[str]) -> list[NDArray[np.int64]]:
        """Return the ids of each text; a text without any unit (blank, or only control characters) has none."""
        encodings: list[Encoding] = self._library.encode_batch_fast(
            [_readable(text) for text in texts], add_special_tokens=False
        )
        return [np.array(encoding.ids[: self.max_length], dtype=np.int64) for encoding in encodings]

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
        pieces: int,
        min_frequency: int,
        lowercase: bool,
        max_length: int,
    ) -> "Tokenizer":
        """Learn the units of the training texts: the most frequent ones, each seen `min_frequency` times or more.

        With unit "word", rarer words are read in up to `pieces` learned pieces instead of as one unknown.
        """
        longest = 1 if unit == "character" else LONGEST_WORD
        chain = Library(WordLevel(unk_token=UNKNOWN))
        chain.normalizer = normalizers.BertNormalizer(
            clean_text=True, handle_chinese_chars=True, strip_accents=False, lowercase=lowercase
        )
        cut = pre_tokenizers.Split(Regex(rf"[\s\S]{{1,{longest}}}"), behavior="isolated")
        chain.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.BertPreTokenizer(), cut])
        if unit == "subword":
            chain.model = BPE(unk_token=UNKNOWN)
            _train(chain, texts, BpeTrainer, vocabulary, min_frequency)
        elif unit == "word" and pieces:
            chain.model = _words_and_pieces(chain, texts, vocabulary, pieces, min_frequency)
        else:
            _train(chain, texts, WordLevelTrainer, vocabulary, min_frequency)
        return cls(chain, max_length)


def _train(chain: Library, texts: Iterable[str], trainer: Any, size: int, min_frequency: int) -> list[str]:
    """Train the chain's model and return its units by id."""
    chain.train_from_iterator(
        map(_readable, texts),
        trainer(vocab_size=size, min_frequency=min_frequency, special_tokens=SPECIALS, show_progress=False),
    )
    vocabulary = chain.get_vocab()
    return sorted(vocabulary, key=lambda unit: vocabulary[unit])


def _words_and_pieces(
    chain: Library, texts: Iterable[str], vocabulary: int, pieces: int, min_frequency: int
) -> WordPiece:
    """Return a model that reads frequent words whole, and any other word as the longest known pieces, left to right.

    Pieces are learned from the different words, each counted once, so that they are parts of words (stems, endings)
    rather than frequent words. A letter in fewer than `min_frequency` words makes its word unknown: nothing could be
    learned of it.
    """
    different = _train(chain, texts, WordLevelTrainer, MOST_WORDS, 1)[len(SPECIALS) :]
    frequent = _train(chain, texts, WordLevelTrainer, vocabulary, min_frequency)
    parts = Library(WordPiece(unk_token=UNKNOWN))
    learned = _train(parts, different, WordPieceTrainer, pieces, min_frequency)
    letters = Counter(word[:1] for word in different) + Counter(
        f"##{letter}" for word in different for letter in word[1:]
    )
    known = [unit for unit in learned if letters.get(unit, min_frequency) >= min_frequency]
    units = dict.fromkeys([*frequent, *known])
    return WordPiece(
        {unit: number for number, unit in enumerate(units)}, unk_token=UNKNOWN, max_input_chars_per_word=LONGEST_WORD
    )


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
