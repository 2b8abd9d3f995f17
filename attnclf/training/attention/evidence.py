"""Rationales, which are spans of characters, as marks on the units that the network reads."""

import numpy as np
from numpy.typing import NDArray

from attnclf.data.corpus import Corpus
from attnclf.data.rationales import Spans
from attnclf.text.tokenizer import Piece, Tokenizer
from attnclf.text.tokens import Tokens


def marked_units(corpus: Corpus, tokenizer: Tokenizer, tokens: Tokens) -> Tokens:
    """Return 1 for each unit that a rationale touches and 0 for the others, laid out as the corpus's own `tokens`.

    A row without rationale has only zeros, and so has one whose evidence stands beyond the units that are read.
    """
    marks = np.zeros(len(tokens.ids), dtype=np.uint8)
    rows = zip(corpus.texts, corpus.rationales or (), tokens.offsets, tokens.lengths, strict=False)
    for text, spans, start, length in rows:
        if spans:
            pieces = tokenizer.pieces(text)[:length]
            marks[start : start + len(pieces)] = touched(pieces, spans)
    return Tokens(marks, tokens.offsets)


def touched(pieces: list[Piece], spans: Spans) -> NDArray[np.bool_]:
    """Return for each unit whether a span has a character of it."""
    starts, ends = np.array([(piece.start, piece.end) for piece in pieces]).reshape(-1, 2).T
    from_, to = np.array(spans).T
    shared: NDArray[np.bool_] = ((starts[:, None] < to) & (from_ < ends[:, None])).any(axis=1)
    return shared
