"""Rationales, which are spans of characters, as marks on the units that the network reads."""

import numpy as np

from attnclf.data.corpus import Corpus
from attnclf.data.rationales import touched
from attnclf.text.tokenizer import Tokenizer
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
            marks[start : start + len(pieces)] = touched([(piece.start, piece.end) for piece in pieces], spans)
    return Tokens(marks, tokens.offsets)
