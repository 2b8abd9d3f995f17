"""How much each unit of a row speaks for its labels: by what people marked, or by way of the n-grams."""

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from attnclf.data.corpus import Corpus
from attnclf.data.rationales import touched
from attnclf.model.ngrams import NgramLinear
from attnclf.text.ragged import Ragged
from attnclf.text.tokenizer import Tokenizer
from attnclf.training.examples import CHUNK, Examples
from attnclf.training.judging import in_batches

MOST = 255  # of the unit that speaks most in its row: a byte for each unit
AGAINST = 0.5  # share with which a unit counts that speaks against the labels of its row


def marked_units(corpus: Corpus, tokenizer: Tokenizer, tokens: Ragged) -> Ragged:
    """Return 1 for each unit that a rationale touches and 0 for the others, laid out as the corpus's own `tokens`.

    A row without rationale has only zeros, and so has one whose evidence stands beyond the units that are read.
    """
    marks = np.zeros(len(tokens.ids), dtype=np.uint8)
    rows = zip(corpus.texts, corpus.rationales or (), tokens.offsets, tokens.lengths, strict=False)
    for text, spans, start, length in rows:
        if spans:
            pieces = tokenizer.pieces(text)[:length]
            marks[start : start + len(pieces)] = touched([(piece.start, piece.end) for piece in pieces], spans)
    return Ragged(marks, tokens.offsets)


def spoken(linear: NgramLinear, examples: Examples) -> Iterator[Ragged]:
    """Yield how much each unit of the rows says of their labels by way of n-grams, laid out as their own tokens.

    That is what it contributes to the logits of these labels, `AGAINST` of its size where it speaks against them: the
    answer hangs on that too, and attention has to find it before the label is known. It is `MOST` for the unit of a row
    that says most. A row without labels has only zeros.
    """
    for start in range(0, len(examples), CHUNK):
        part = examples.tokens.subset(np.arange(start, min(start + CHUNK, len(examples))))
        said = np.zeros(len(part.ids), np.uint8)
        for rows in in_batches(part.lengths, len(linear.bias)):
            levels = _levels(linear, examples, start + rows)
            lengths = part.lengths[rows]
            within = np.arange(levels.shape[1]) < lengths[:, None]
            places = part.offsets[rows][:, None] + np.arange(levels.shape[1])
            said[places[within]] = levels[within]
        yield Ragged(said, part.offsets)


def _levels(linear: NgramLinear, examples: Examples, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Return what `spoken` says of these rows, (rows, time)."""
    with torch.no_grad():
        contributions = linear(*map(torch.from_numpy, examples.batch_with_char_ngrams(rows))).contributions.numpy()
    targets = examples.targets[rows]
    if targets.ndim == 1:
        own = contributions[np.arange(len(rows)), :, targets.astype(np.int64)]
    else:
        own = (contributions @ targets[..., np.newaxis])[..., 0]
    said = np.maximum(own, -AGAINST * own)
    most = said.max(axis=1, keepdims=True)
    levels: NDArray[np.float32] = np.rint(MOST * said / np.where(most > 0, most, 1))
    return levels.astype(np.uint8)
